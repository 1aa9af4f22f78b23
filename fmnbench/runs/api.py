"""`fmnbench.run`: suites and rows from Python, as `fmnbench run` does from the command line."""

from collections.abc import Callable, Sequence
from pathlib import Path

from fmnbench.errors import UsageError
from fmnbench.planning.plan import Selection, plan, tasks
from fmnbench.registry import load_plugin
from fmnbench.runs.campaign import Outcome, carry_out
from fmnbench.runs.executors.base import Event, RunOptions
from fmnbench.spec import Status

STORE = Path("leaderboards/results")
Names = str | Sequence[str]


def run(  # noqa: PLR0913 - one parameter an option of the command
    *,
    suite: Names = (),
    track: Names = (),
    dataset: Names = (),
    architecture: Names = (),
    critics: Names = (),
    objectives: Names = (),
    lambdas: Sequence[float] = (),
    seeds: int | Sequence[int] = 1,
    settings: Names = (),
    epochs: int | None = None,
    precision: str | None = None,
    store: str | Path = STORE,
    device: str = "auto",
    jobs: int = 0,
    timeout: float | None = None,
    retry: Sequence[Status] = (),
    fail_fast: bool = False,
    plugins: Sequence[str | Path] = (),
    listen: Callable[[Event], None] = lambda _event: None,
) -> Outcome:
    """Carries out what the store lacks of a selection; returns what became of all of it.

    Names are those of `fmnbench list`, one or several; `settings` are "key=value" texts, `timeout`
    is in seconds per run, `jobs` 0 as many as suit the device. Prints nothing and asks nothing:
    `listen` is called with each event. Runs take place in processes of their own, so a script
    calls it below `if __name__ == "__main__":`, and components of the caller's own are in files
    that `plugins` names.

    Raises:
        UsageError: a name is unknown, nothing is selected, or the device cannot be used.
    """
    files = tuple(Path(path).resolve() for path in plugins)
    for path in files:
        load_plugin(path)
    selection = Selection(
        suites=_several(suite),
        tracks=_several(track),
        datasets=_several(dataset),
        architectures=_several(architecture),
        critics=_several(critics),
        objectives=_several(objectives),
        lambdas=lambdas,
        settings=_several(settings),
        epochs=epochs,
        precision=precision,
    )
    numbers = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    if not numbers:
        raise UsageError(f"seeds is {seeds!r}; it must name at least one seed.")
    if not any((suite, track, dataset, architecture, critics, objectives)):
        raise UsageError("Say what to run: suite=, track=, dataset=, critics=, ...")
    options = RunOptions(
        store=Path(store),
        jobs=jobs,
        device=device,
        timeout=timeout,
        fail_fast=fail_fast,
        retry=retry,
        plugins=files,
    )
    return carry_out(plan(tasks(selection), numbers), options, listen)


def _several(names: Names) -> Sequence[str]:
    return (names,) if isinstance(names, str) else names
