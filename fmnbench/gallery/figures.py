"""Figures of a store's tables, drawn from the records alone."""

from collections.abc import Sequence
from pathlib import Path

from fmnbench.board import Board
from fmnbench.errors import UsageError
from fmnbench.files import write_atomically
from fmnbench.records.store import folder_name
from fmnbench.report.figures import file_name, information_figure
from fmnbench.spec import Result


def draw_information(boards: Sequence[Board], results: Sequence[Result], folder: Path) -> None:
    """Draws the information by epoch of each table, always anew, as <track>/information.svg.

    Deletes the figure of a table that no longer has one. Raises UsageError where matplotlib is
    not installed or a figure cannot be written.
    """
    for board in boards:
        if board.protocol == "as-published":
            continue  # that protocol shows the same runs again
        path = folder / folder_name(board.track.name) / file_name(board)
        try:
            text = information_figure(board, results)
            if text is None:
                path.unlink(missing_ok=True)
            else:
                write_atomically(path, text.encode())
        except ImportError as error:
            raise UsageError("--pictures needs matplotlib, which is not installed.") from error
        except OSError as error:
            raise UsageError(f"'{path}' cannot be written: {error.strerror}.") from None
