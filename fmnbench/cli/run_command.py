"""`fmnbench run`: plan, skip what the store has, run the rest, say what became of it."""

import dataclasses
import signal
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from fmnbench.cli.options import (
    DEFAULT_STORE,
    PluginOption,
    StoreOption,
    SuiteOption,
    choice,
    device,
    duration,
    load_plugins,
    positive_integer,
    require_folder,
    seeds,
    weight,
)
from fmnbench.cli.usage import INTERRUPTED, SOME_FAILED
from fmnbench.errors import RecordError, UsageError
from fmnbench.runs.executors.base import Options
from fmnbench.spec import Precision, Result, RunSpec, Status

if TYPE_CHECKING:  # a help page does not wait for what only the verb needs
    from fmnbench.planning.plan import Plan
    from fmnbench.records.store import Store


def run_command(  # noqa: PLR0913, PLR0917 - one parameter an option
    suite: SuiteOption = None,
    everything: Annotated[bool, typer.Option("--all", help="All tasks of all suites.")] = False,
    track: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this track. Repeatable.")
    ] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only tracks with this dataset. Repeatable."),
    ] = None,
    architecture: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only tracks with this architecture. Repeatable."),
    ] = None,
    critic: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="This critic, not the suite's. Repeatable."),
    ] = None,
    objective: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="This objective, not the suite's. Repeatable."),
    ] = None,
    lambda_: Annotated[
        list[float] | None,
        typer.Option(
            "--lambda",
            metavar="X",
            parser=weight,
            help="Weight of the critic, not the suite's. Repeatable.",
        ),
    ] = None,
    seed_list: Annotated[
        str,
        typer.Option("--seeds", metavar="N|A,B,C", help="How many seeds, or which (0,5,7)."),
    ] = "1",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a setting: temperature=0.5, critic.temperature=0.5, batch_size=32. "
            "Repeatable.",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            metavar="N", parser=positive_integer("--epochs"), help="Epochs, not the track's."
        ),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="P",
            parser=choice("--precision", get_args(Precision)),
            help=f"{', '.join(get_args(Precision))}; not the track's.",
        ),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    device_: Annotated[
        str,
        typer.Option(
            "--device", metavar="D", parser=device, help="cpu, cuda, cuda:1, mps, xpu or auto."
        ),
    ] = "auto",
    jobs: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            parser=positive_integer("--jobs"),
            help="Runs at a time, each in a process with its share of the cores "
            "(default: one a core, at most 4; one on a GPU).",
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(metavar="T", parser=duration, help="Limit per run: 90s, 10m, 2h."),
    ] = None,
    retry: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATUS",
            parser=choice("--retry", get_args(Status)),
            help=f"Run again what ended so: {', '.join(get_args(Status))}. Repeatable.",
        ),
    ] = None,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Start nothing new after a failure.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan with its cost; run nothing.")
    ] = False,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure",
            help="With --dry-run: time a few steps of what no record tells the cost of.",
        ),
    ] = False,
    plugin: PluginOption = None,
) -> int:
    """Run tasks with seeds: all that the store does not have yet.

    What was cut off goes on where it stopped. A run that fails is recorded, and the others go on.

    \b
    Examples:
      fmnbench run --suite quick --seeds 3
      fmnbench run --track omniglot-cnn --seeds 3 --jobs 2
      fmnbench run --suite report --critic self --lambda 5 --lambda 20
      fmnbench run --suite quick --plugin my_critic.py --critic mine
      fmnbench run --suite my_suite.toml --retry failed --dry-run
    """  # noqa: D301 - \b is typer's mark for lines to be kept
    from fmnbench.planning.plan import Selection, plan, tasks

    plugins = load_plugins(plugin)
    selection = Selection(
        suites=suite or (),
        tracks=track or (),
        datasets=dataset or (),
        architectures=architecture or (),
        critics=critic or (),
        objectives=objective or (),
        lambdas=lambda_ or (),
        settings=settings or (),
        epochs=epochs,
        precision=precision,
    )
    if not everything and not any((suite, track, dataset, architecture, critic, objective)):
        raise UsageError("Say what to run: --suite NAME, --all, --track, --dataset, --critic, ...")
    if measure and not dry_run:
        raise UsageError("--measure runs nothing to its end: it goes with --dry-run.")
    numbers = seeds(seed_list)
    require_folder(store, writable=not dry_run)
    options = Options(
        store=store,
        jobs=jobs or 0,
        device=device_,
        timeout=timeout,
        fail_fast=fail_fast,
        retry=cast(list[Status], retry or []),
        plugins=plugins,
    )
    return _carry_out(plan(tasks(selection), numbers), options, dry_run=dry_run, measure=measure)


def _carry_out(chosen: "Plan", options: Options, *, dry_run: bool, measure: bool) -> int:
    """Does what is left of a plan; returns the exit code."""
    from fmnbench.cli.run_costs import costs_of
    from fmnbench.cli.run_summary import print_outcome, print_plan
    from fmnbench.records.store import Store

    store = Store(options.store)
    for problem in chosen.problems:
        typer.echo(f"left out: {problem}", err=True)
    stored, corrupt = _stored(store, chosen.specs, options, dry_run=dry_run)
    left = [spec for spec in chosen.specs if spec.key not in stored]
    skipped = {
        spec.key: reason for spec in left if (reason := chosen.missing.get(spec.track.name))
    }
    left = [spec for spec in left if spec.key not in skipped]
    if left:
        options = _settled(options)
    wrong = bool(corrupt or chosen.problems)
    if dry_run:
        costs = costs_of(chosen.specs, left, store, options, measure=measure)
        unknown = print_plan(chosen.specs, left, skipped, costs, max(options.jobs, 1))
        if unknown and not measure:
            typer.echo("Add --measure to time a few steps of what no record tells the cost of.")
        return SOME_FAILED if wrong else 0
    finished = _execute(left, options)
    results = [store.get(spec.track.name, spec.key) for spec in chosen.specs]
    bad = print_outcome(chosen.specs, results, stored.keys(), skipped, store)
    if not finished:
        return INTERRUPTED
    return SOME_FAILED if bad or wrong else 0


def _stored(
    store: "Store", specs: Sequence[RunSpec], options: Options, *, dry_run: bool
) -> tuple[Mapping[str, Result], int]:
    """Returns by key the results that stay as they are, and how many records were corrupt.

    A corrupt record is named and, unless only planning, moved away, so that its run is done again.
    """
    stored: dict[str, Result] = {}
    corrupt = 0
    for spec in specs:
        try:
            result = store.get(spec.track.name, spec.key)
        except RecordError as error:
            corrupt += 1
            line = f"corrupt record: {error}"
            if not dry_run:
                moved = store.set_aside(store.path(spec.track.name, spec.key))
                line += f" It is kept as {moved}; the run is done again."
            typer.echo(line, err=True)
            continue
        if result is not None and result.status not in options.retry:
            stored[spec.key] = result
    return stored, corrupt


def _execute(left: Sequence[RunSpec], options: Options) -> bool:
    """Runs what is left; returns False when the user stopped it."""
    if not left:
        return True
    from fmnbench.cli.run_display import Display
    from fmnbench.runs.executors.local import LocalExecutor

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both stop the same way
    with Display(left) as display:
        try:
            LocalExecutor()(left, options, display.show)
        except KeyboardInterrupt:
            display.interrupted()
            return False
    return True


def _settled(options: Options) -> Options:
    """Returns options with a device that is there, and a number of jobs."""
    import torch

    from fmnbench.runs.executors.local import cores

    name = options.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).split("\n")[0]
        raise UsageError(f"--device is '{name}', which cannot be used here: {reason}") from None
    jobs = options.jobs or (1 if name != "cpu" else min(4, cores()))
    return dataclasses.replace(options, device=name, jobs=jobs)
