"""Figures of a store's tables, drawn from the records alone."""

from collections.abc import Callable, Sequence
from pathlib import Path

from fmnbench.board import Board
from fmnbench.errors import UsageError
from fmnbench.files import write_atomically
from fmnbench.records.store import folder_name
from fmnbench.report.equal_information import equal_information_figure, figure_name
from fmnbench.report.figures import file_name, information_figure
from fmnbench.spec import Result


def draw_information(boards: Sequence[Board], results: Sequence[Result], folder: Path) -> None:
    """Draws the information by epoch of each table, always anew, as <track>/information.svg.

    And, where methods were run at several settings, NLL by KL as <track>/equal-information.svg.

    Deletes the figure of a table that no longer has one. Raises UsageError where matplotlib is
    not installed or a figure cannot be written.
    """
    for board in boards:
        if board.protocol == "as-published":
            continue  # that protocol shows the same runs again
        place = folder / folder_name(board.track.name)
        _draw(place / file_name(board), lambda: information_figure(board, results))  # noqa: B023
        _draw(place / figure_name(board), lambda: equal_information_figure(board))  # noqa: B023


def _draw(path: Path, figure: Callable[[], str | None]) -> None:
    try:
        text = figure()
        if text is None:
            path.unlink(missing_ok=True)
        else:
            write_atomically(path, text.encode())
    except ImportError as error:
        raise UsageError("--pictures needs matplotlib, which is not installed.") from error
    except OSError as error:
        raise UsageError(f"'{path}' cannot be written: {error.strerror}.") from None
