"""`fmnbench run`: plan, skip what the store has, run the rest, print the outcome."""

import signal
import sys
from pathlib import Path
from typing import cast

import typer

from fmnbench.cli import run_options as option
from fmnbench.cli.options import (
    DEFAULT_STORE,
    PluginOption,
    StoreOption,
    SuiteOption,
    load_plugins,
    one_name,
    require_folder,
    seeds,
)
from fmnbench.cli.run_display import RunDisplay
from fmnbench.cli.run_options import Names
from fmnbench.cli.run_summary import ahead, print_outcome, print_plan
from fmnbench.cli.text import lasting, row_name, say
from fmnbench.cli.usage import INTERRUPTED, SOME_FAILED
from fmnbench.errors import UsageError
from fmnbench.planning.plan import Plan, Selection, plan, tasks
from fmnbench.planning.suite_file import load_suite
from fmnbench.runs.campaign import carry_out
from fmnbench.runs.executors.base import RunOptions
from fmnbench.runs.survey import DAY, Survey, glanced, measured, survey
from fmnbench.spec import RunSpec, Status
from fmnbench.tune.places import choices


def run_command(  # noqa: PLR0913, PLR0917 - one parameter an option
    suite: SuiteOption = None,
    everything: option.AllOption = False,
    track: option.TrackOption = None,
    dataset: option.DatasetOption = None,
    architecture: option.ArchitectureOption = None,
    critic: option.CriticOption = None,
    remedy: option.RemedyOption = None,
    objective: option.ObjectiveOption = None,
    lambda_: option.LambdaOption = None,
    seed_list: option.SeedsOption = "1",
    settings: option.SetOption = None,
    tuned: option.TunedOption = False,
    epochs: option.EpochsOption = None,
    precision: option.PrecisionOption = None,
    store: StoreOption = DEFAULT_STORE,
    device: option.DeviceOption = "auto",
    jobs: option.JobsOption = None,
    timeout: option.TimeoutOption = None,
    retry: option.RetryOption = None,
    fail_fast: option.FailFastOption = False,
    yes: option.YesOption = False,
    dry_run: option.DryRunOption = False,
    measure: option.MeasureOption = False,
    plugin: PluginOption = None,
) -> int:
    """Run tasks with seeds: all that the store does not have yet.

    The cheapest track comes first. An interrupted run resumes at its last finished epoch. A run
    that fails is recorded, and the others go on.

    \b
    Examples:
      fmnbench run --suite quick --seeds 3
      fmnbench run --track omniglot-cnn --seeds 3 --jobs 2
      fmnbench run --suite asokan --critic self --lambda 5 --lambda 20
      fmnbench run --suite quick --plugin my_critic.py --critic mine
      fmnbench run --suite my_suite.toml --retry failed --dry-run
    """  # noqa: D301 - \b is typer's mark for lines to be kept
    one_name(remedy, objective)
    remedy = remedy or objective
    if not (everything or tuned) and not any(
        (suite, track, dataset, architecture, critic, remedy)
    ):
        raise UsageError("Say what to run: --suite NAME, --all, --track, --dataset, --critic, ...")
    if measure and not dry_run:
        raise UsageError("--measure runs nothing to its end: it goes with --dry-run.")
    plugins = load_plugins(plugin)
    selection = Selection(
        suites=[*(suite or []), *(_tuned(store, critic, remedy) if tuned else [])],
        tracks=track or (),
        datasets=dataset or (),
        architectures=architecture or (),
        critics=critic or (),
        objectives=remedy or (),
        lambdas=lambda_ or (),
        settings=settings or (),
        epochs=epochs,
        precision=precision,
    )
    numbers = seeds(seed_list)
    require_folder(store, writable=not dry_run)
    options = RunOptions(
        store=store,
        jobs=jobs or 0,
        device=device,
        timeout=timeout,
        fail_fast=fail_fast,
        retry=cast(list[Status], retry or []),
        plugins=plugins,
    )
    chosen = plan(tasks(selection), numbers)
    found = survey(chosen, options)
    if dry_run:
        return _show(found, measure=measure)
    return _carry_out(chosen, glanced(found), yes=yes)


def _tuned(store: Path, critics: Names, remedies: Names) -> list[str]:
    """Returns the suites that tuning has chosen, of the chosen critics and remedies."""
    found = {str(path): load_suite(str(path)) for path in choices(store)}
    fitting = [
        name
        for name, suite in found.items()
        if suite.comparisons[0].critics[-1] in (critics or suite.comparisons[0].critics)
        and suite.comparisons[0].objectives[-1] in (remedies or suite.comparisons[0].objectives)
    ]
    if not fitting:
        of = f" of {', '.join([*(critics or []), *(remedies or [])])}" if found else ""
        raise UsageError(f"There is no choice{of} beside '{store}'; `fmnbench tune` makes one.")
    return fitting


def _show(found: Survey, *, measure: bool) -> int:
    """Prints a plan with its cost; returns the exit code."""
    errors = [*found.corrupt.values(), *found.newer.values()]
    _complain(found, [f"corrupt record: {error}" for error in found.corrupt.values()])
    if measure:
        found = _measured(found)
    print_plan(found)
    if found.unknown and not measure:
        say("Add --measure to time a few steps of the rows of unknown cost.")
    return SOME_FAILED if errors or found.problems else 0


def _measured(found: Survey) -> Survey:
    """Returns the survey with trials of all rows, each named on stderr before it starts."""
    total = len(found.unknown)
    names: list[str] = []

    def before(spec: RunSpec) -> None:
        names.append(f"{spec.track.name} {row_name(spec)}")
        say(f"timing {len(names)} of {total}: {names[-1]}", err=True)

    def untimed(_spec: RunSpec, reason: str) -> None:
        say(f"{names[-1]}: {reason}", err=True)

    return measured(found, before, untimed)


def _carry_out(chosen: Plan, found: Survey, *, yes: bool) -> int:
    """Runs what is left of a plan, if the user agrees to its length; returns the exit code."""
    _complain(found, [])
    if found.left:
        say(ahead(found))
        if found.seconds > DAY and not yes and not _agreed(found):
            return INTERRUPTED
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stops it as Ctrl-C does
    with RunDisplay((*found.again, *found.left)) as display:
        outcome = carry_out(chosen, found.options, display.show, found)
        if outcome.interrupted:
            display.interrupted()
    for error in outcome.corrupt.values():
        say(f"corrupt record: {error}", err=True)
    print_outcome(outcome)
    if outcome.interrupted:
        return INTERRUPTED
    return 0 if outcome.is_good else SOME_FAILED


def _agreed(found: Survey) -> bool:
    """Asks on a terminal whether to start runs of more than a day; a UsageError elsewhere."""
    if sys.stdin.isatty() and sys.stdout.isatty():
        return typer.confirm("Start?")
    raise UsageError(
        f"This will take about {lasting(found.seconds)}; add --yes to start it, or choose fewer "
        "tracks (--track, --suite) or --epochs."
    )


def _complain(found: Survey, more: list[str]) -> None:
    """Prints what is left out of a plan, and records that this version cannot read."""
    for line in (
        *(f"left out: {problem}" for problem in found.problems),
        *more,
        *(f"left as it is: {error}" for error in found.newer.values()),
    ):
        say(line, err=True)
