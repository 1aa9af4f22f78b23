"""What `fmnbench run` shows: the plan, progress on a terminal, and the outcome."""

import statistics
from collections import Counter
from collections.abc import Sequence, Set
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from fmnbench.executors.base import Event
from fmnbench.spec import Result, RunSpec
from fmnbench.store import Store

BAD = ("failed", "diverged", "timeout", "out_of_memory")


def row_name(spec: RunSpec) -> str:
    """Returns a row's short name within its track."""
    weight = "" if spec.critic == "none" else f" λ={spec.lambda_:g}"
    objective = "" if spec.objective == "elbo" else f" {spec.objective}"
    return f"{spec.critic}{weight}{objective}"


class Display:
    """Progress of runs and epochs on a terminal; silent where output is piped."""

    def __init__(self, specs: Sequence[RunSpec]) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._total = self._progress.add_task("all runs", total=len(specs), note="")
        self._left = len(specs)
        self._bars = {}

    def __enter__(self) -> "Display":
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
        """Takes up one event."""
        spec = event.spec
        key = spec.key
        if event.kind == "started":
            name = f"{spec.track.name} {row_name(spec)} seed {spec.seed}"
            self._bars[key] = self._progress.add_task(name, total=spec.track.epochs, note="")
        elif event.kind == "epoch":
            note = f"loss {event.loss:.4g}"
            if event.epoch == spec.track.epochs:
                note += ", evaluating"
            self._progress.update(self._bars[key], completed=event.epoch, note=note)
        else:
            if key in self._bars:
                self._progress.remove_task(self._bars.pop(key))
            self._left -= 1
            self._progress.advance(self._total)

    def interrupted(self) -> None:
        """Says what is left after the user stopped."""
        self._progress.stop()
        Console(stderr=True).print(
            f"Stopped with {self._left} runs left; the same command goes on where it stopped, "
            "at the last finished epoch.",
            markup=False,
        )


def print_plan(
    specs: Sequence[RunSpec], left: Sequence[RunSpec], store: Store, jobs: int
) -> None:
    """Prints what would run, row by row, with the cost that records of like runs show."""
    seconds = _measured_seconds(specs, store)
    table = Table(title="Plan", title_justify="left")
    for heading in ("track", "row", "seeds", "in store", "to run", "s per run"):
        table.add_column(heading, overflow="fold", justify="left")
    todo = {spec.key for spec in left}
    total, unknown = 0.0, 0
    for runs in _by_row(specs):
        missing = [spec for spec in runs if spec.key in todo]
        cost = seconds.get(_row_key(runs[0]))
        total += (cost or 0.0) * len(missing)
        unknown += 0 if cost else len(missing)
        table.add_row(
            Text(runs[0].track.name),
            Text(row_name(runs[0])),
            ",".join(str(spec.seed) for spec in runs),
            str(len(runs) - len(missing)),
            str(len(missing)),
            f"{cost:.1f}" if cost else "not measured yet",
        )
    console = Console()
    console.print(table)
    console.print(f"{len(left)} runs to do, {len(specs) - len(left)} in the store.")
    if total:
        rest = f", and {unknown} runs of unknown cost" if unknown else ""
        console.print(f"About {total / jobs:.0f} s with --jobs {jobs}{rest}.")


def print_outcome(
    specs: Sequence[RunSpec], results: Sequence[Result | None], stored: Set[str]
) -> int:
    """Prints a line a row and what failed; returns how many runs ended badly."""
    console = Console()
    endings = {r.spec.key: r for r in results if r is not None}
    table = Table(title="Runs", title_justify="left")
    for heading in ("track", "row", "done", "from store", "other endings", "s per run"):
        table.add_column(heading, overflow="fold")
    for runs in _by_row(specs):
        found = [endings[spec.key] for spec in runs if spec.key in endings]
        others = Counter(result.status for result in found if result.status != "done")
        unfinished = len(runs) - len(found)
        if unfinished:
            others["not finished"] = unfinished
        done = [result for result in found if result.status == "done"]
        times = [result.provenance.seconds for result in done]
        table.add_row(
            Text(runs[0].track.name),
            Text(row_name(runs[0])),
            f"{len(done)} of {len(runs)}",
            str(sum(spec.key in stored for spec in runs)),
            ", ".join(f"{count} {status}" for status, count in others.items()),
            f"{statistics.mean(times):.1f}" if times else "",
        )
    console.print(table)
    for result in endings.values():
        if result.status != "done":
            _print_ending(console, result)
    return sum(result.status in BAD for result in endings.values())


def _print_ending(console: Console, result: Result) -> None:
    spec = result.spec
    line = f"{spec.track.name} {row_name(spec)} seed {spec.seed}: {result.status}: {result.error}"
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _by_row(specs: Sequence[RunSpec]) -> list[list[RunSpec]]:
    rows: dict[tuple[str, str], list[RunSpec]] = {}
    for spec in specs:
        rows.setdefault(_row_key(spec), []).append(spec)
    return list(rows.values())


def _row_key(spec: RunSpec) -> tuple[str, str]:
    return spec.track.name, spec.task.row


def _measured_seconds(
    specs: Sequence[RunSpec], store: Store
) -> dict[tuple[str, str], float]:
    """Returns the median seconds of a row's finished runs in the store."""
    results, _ = store.results({spec.track.name for spec in specs})
    times: dict[tuple[str, str], list[float]] = {}
    for result in results:
        if result.status == "done":
            times.setdefault(_row_key(result.spec), []).append(result.provenance.seconds)
    return {row: statistics.median(values) for row, values in times.items()}
