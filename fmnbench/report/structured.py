"""Boards as JSON: all that they hold, under the names of their fields."""

import dataclasses
import json
from collections.abc import Sequence

from fmnbench.board import Board
from fmnbench.report.base import Options


def render(boards: Sequence[Board], options: Options) -> str:  # noqa: ARG001, RUF100 - the renderers' signature
    """Returns a list of boards as indented JSON."""
    data = [dataclasses.asdict(board) for board in boards]
    return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
