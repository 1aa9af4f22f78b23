"""What `fmnbench run` shows while it runs: bars on a terminal, elsewhere a line at times."""

import time
from collections.abc import Callable, Sequence

from rich.progress import TaskID

from fmnbench.cli.bars import Bars, counted_columns
from fmnbench.cli.run_log import RunLog
from fmnbench.cli.text import counted, run_name
from fmnbench.runs.executors.base import Event
from fmnbench.spec import RunSpec


class RunDisplay(Bars):
    """Progress of runs and epochs: bars on a terminal, lines in a file or pipe."""

    def __init__(
        self, specs: Sequence[RunSpec], clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(*counted_columns(), fills_line=True)
        self._total = self._progress.add_task("all runs", total=len(specs), note="")
        self._log = None if self._console.is_terminal else RunLog(self._console, clock)
        self._left = len(specs)
        self._bars: dict[str, TaskID] = {}

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
        self._console.print(
            f"Stopped with {counted(self._left, 'run')} left; the same command resumes at the "
            "last finished epoch.",
            markup=False,
        )
