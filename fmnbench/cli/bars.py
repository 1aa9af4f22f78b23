"""Progress bars on the standard error; silent where that is no terminal."""

from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column

Display = TypeVar("Display", bound="Bars")


class Bars:
    """Bars that show while they are entered; each display says what they are of."""

    def __init__(self, *columns: ProgressColumn, fills_line: bool) -> None:
        self._console = Console(stderr=True)
        self._progress = Progress(
            *columns,
            console=self._console,
            disable=not self._console.is_terminal,
            expand=fills_line,
            transient=fills_line,
        )

    def __enter__(self: Display) -> Display:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()


def counted_columns() -> tuple[ProgressColumn, ...]:
    """Returns the columns of bars that count: name, bar, how many of how many, note, time left."""
    return (
        TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True)),
        BarColumn(bar_width=10),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        TimeRemainingColumn(),
    )
