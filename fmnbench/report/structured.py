"""Boards as JSON: all that they hold, under the names of their fields."""

import dataclasses
import json
from collections.abc import Sequence

from fmnbench.board import Board


def render(boards: Sequence[Board]) -> str:
    """Returns a list of boards as indented JSON."""
    data = [dataclasses.asdict(board) for board in boards]
    return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
