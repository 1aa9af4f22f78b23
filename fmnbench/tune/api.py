"""`fmnbench.tune.study`: a study from Python, as `fmnbench tune` from the command line."""

from collections.abc import Callable, Sequence
from pathlib import Path

from fmnbench.errors import DataMissing
from fmnbench.planning.plan import Selection
from fmnbench.registry import load_plugin
from fmnbench.runs.executors.base import Event, RunOptions
from fmnbench.tune.carrying import carry_out_study
from fmnbench.tune.goals import goal_of
from fmnbench.tune.studies import Wanted, missing_data, studies
from fmnbench.tune.summary import Summary

STORE = Path("leaderboards/results")


def study(  # noqa: PLR0913 - one parameter an option of the command
    *,
    track: str,
    critic: str,
    objective: str | None = None,
    suite: str | Sequence[str] = (),
    trials: int = 20,
    seeds: int = 1,
    space: Sequence[str] = (),
    goal: str = "front",
    epochs: int | None = None,
    store: str | Path = STORE,
    device: str = "auto",
    jobs: int = 0,
    timeout: float | None = None,
    storage: str | None = None,
    plugins: Sequence[str | Path] = (),
    listen: Callable[[Event], None] = lambda _event: None,
) -> Summary:
    """Carries out what is left of one study; returns it as plain values, its trials as a frame.

    The keywords are the options of `fmnbench tune`; `space` are texts such as
    "lambda=log:0.1:100", `timeout` is in seconds per run. Trials take place in processes of their
    own, so a script calls it below `if __name__ == "__main__":`. Prints nothing; `listen` is
    called with each event of a run. Writes the same files as the command.

    Raises:
        UsageError: a name is unknown, or what is asked cannot be tuned.
        DataMissing: the data of the track are not installed; the text has the command.
    """
    files = tuple(Path(path).resolve() for path in plugins)
    for path in files:
        load_plugin(path)
    folder = Path(store)
    wanted = Wanted(
        critic=critic,
        objective=objective,
        space=space,
        goal=goal_of(goal),
        trials=trials,
        seeds=seeds,
    )
    suites = (suite,) if isinstance(suite, str) else suite
    selection = Selection(suites=suites, tracks=(track,), epochs=epochs)
    found = studies(selection, wanted, folder)
    for row in found.missing:
        raise DataMissing(missing_data(row))
    options = RunOptions(store=folder, jobs=jobs, device=device, timeout=timeout, plugins=files)
    made: list[Summary] = []
    for asked in found.ready:
        made.append(
            carry_out_study(
                asked, options, listen=listen, told=lambda _study: None, storage=storage
            )
        )
        if made[-1].interrupted:
            break
    return made[-1]
