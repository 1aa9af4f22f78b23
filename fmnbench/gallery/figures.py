"""Figures of a store's tables, drawn from the records alone."""

from collections.abc import Sequence
from pathlib import Path

from fmnbench.board import Board
from fmnbench.errors import UsageError
from fmnbench.files import write_atomically
from fmnbench.records.store import folder_name
from fmnbench.report.figures import (
    equal_information_figure,
    information_figure,
    overview_figure,
    tradeoffs_figure,
)
from fmnbench.report.figures.captions import (
    EQUAL,
    INFORMATION,
    OVERVIEW_FILE,
    TRADEOFFS,
    file_name,
)
from fmnbench.spec import Result

FIGURES = {
    INFORMATION: information_figure,
    TRADEOFFS: tradeoffs_figure,
    EQUAL: equal_information_figure,
}


def draw_figures(
    boards: Sequence[Board], results: Sequence[Result], folder: Path, *, whole: bool
) -> None:
    """Draws the figures of each table, always anew, as <track>/<kind>.svg.

    Where the tables are the `whole` store also that of all tracks. Deletes the figure of a table
    that no longer has one. Raises UsageError where matplotlib is not installed or a figure cannot
    be written.
    """
    try:
        if whole:
            _write(folder / OVERVIEW_FILE, overview_figure(boards, results))
        for board in boards:
            if board.protocol == "as-published":
                continue  # that protocol shows the same runs again
            for kind, figure in FIGURES.items():
                path = folder / folder_name(board.track.name) / file_name(board, kind)
                _write(path, figure(board, results))
    except ImportError as error:
        raise UsageError("--pictures needs matplotlib, which is not installed.") from error


def _write(path: Path, text: str | None) -> None:
    try:
        if text is None:
            path.unlink(missing_ok=True)
        else:
            write_atomically(path, text.encode())
    except OSError as error:
        raise UsageError(f"'{path}' cannot be written: {error.strerror}.") from None
