"""What `fmnbench run` shows while it runs: bars on a terminal, elsewhere a line at times."""

import time
from collections.abc import Callable, Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from fmnbench.cli.run_log import RunLog
from fmnbench.cli.text import counted, run_name
from fmnbench.runs.executors.base import Event
from fmnbench.spec import RunSpec


class RunDisplay:
    """Progress of runs and epochs: bars on a terminal, lines in a file or pipe."""

    def __init__(
        self, specs: Sequence[RunSpec], clock: Callable[[], float] = time.monotonic
    ) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn(
                "{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True)
            ),
            BarColumn(bar_width=10),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            expand=True,
            transient=True,
        )
        self._total = self._progress.add_task("all runs", total=len(specs), note="")
        self._log = None if console.is_terminal else RunLog(console, clock)
        self._left = len(specs)
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> "RunDisplay":
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def show(self, event: Event) -> None:
        """Shows one event."""
        spec = event.spec
        key = spec.key
        name = run_name(spec)
        if event.kind == "started":
            self._bars[key] = self._progress.add_task(name, total=spec.track.epochs, note="")
        elif event.kind == "epoch":
            note = f"loss {event.loss:.4g}"
            if event.epoch == spec.track.epochs:
                note += ", evaluating"
            self._progress.update(self._bars[key], completed=event.epoch, note=note)
            if self._log:
                self._log.say(f"{name}: epoch {event.epoch} of {spec.track.epochs}, {note}")
        else:
            if key in self._bars:
                self._progress.remove_task(self._bars.pop(key))
            self._left -= 1
            self._progress.advance(self._total)
            if self._log:
                self._log.say(f"{name}: {event.status}; {self._left} to go", due=True)

    def interrupted(self) -> None:
        """Prints how many runs are left after the user stopped."""
        self._progress.stop()
        Console(stderr=True).print(
            f"Stopped with {counted(self._left, 'run')} left; the same command resumes at the "
            "last finished epoch.",
            markup=False,
        )
