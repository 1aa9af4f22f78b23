"""Progress bars on the standard error; silent where that is no terminal."""

from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from fmnbench.printable import clean

Display = TypeVar("Display", bound="Bars")


class Words(TextColumn):
    """A column of text in which nothing can steer a terminal, whoever wrote it."""

    def __init__(self, text: str, table_column: Column | None = None) -> None:
        super().__init__(text, markup=False, table_column=table_column)

    def render(self, task: Task) -> Text:
        return Text(clean(super().render(task).plain))


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
        Words("{task.description}", Column(ratio=1, no_wrap=True)),
        BarColumn(bar_width=10),
        MofNCompleteColumn(),
        Words("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
