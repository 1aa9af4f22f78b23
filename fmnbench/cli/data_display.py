"""What `fmnbench data fetch` shows while files come: a bar for each, on a terminal."""

from rich.progress import (
    BarColumn,
    DownloadColumn,
    TaskID,
    TransferSpeedColumn,
)

from fmnbench.cli.bars import Bars, Words


class Display(Bars):
    """A progress bar for each file that comes; silent where output is piped."""

    def __init__(self) -> None:
        super().__init__(
            Words("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            fills_line=False,
        )
        self._bars: dict[str, TaskID] = {}

    def show(self, name: str, done: int, total: int | None) -> None:
        """Takes up how many bytes of a file have come, of how many."""
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(name, total=total)
        self._progress.update(self._bars[name], completed=done, total=total)
