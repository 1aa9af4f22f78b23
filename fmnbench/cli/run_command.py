"""`fmnbench run`: plan, skip what the store has, run the rest, say what became of it."""

import dataclasses
import signal
from collections.abc import Sequence
from typing import Annotated, cast, get_args

import typer

from fmnbench.cli.options import (
    DEFAULT_STORE,
    PluginOption,
    StoreOption,
    SuiteOption,
    choice,
    duration,
    load_plugins,
    positive_integer,
    seeds,
    weight,
)
from fmnbench.errors import RecordError, UsageError
from fmnbench.executors.base import Options
from fmnbench.plan import Plan, Selection, plan, tasks
from fmnbench.spec import Precision, Result, RunSpec, Status
from fmnbench.store import Store

SOME_FAILED, INTERRUPTED = 1, 130  # exit codes


def run_command(  # noqa: PLR0913 - one parameter an option
    suite: SuiteOption = None,
    everything: Annotated[bool, typer.Option("--all", help="All tasks of all suites.")] = False,
    dataset: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only tracks with this dataset.")
    ] = None,
    architecture: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only tracks with this architecture.")
    ] = None,
    critic: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="These critics instead of the suite's. Repeatable."),
    ] = None,
    objective: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="These objectives instead of the suite's."),
    ] = None,
    lambda_: Annotated[
        list[float] | None,
        typer.Option("--lambda", metavar="X", parser=weight, help="Weight of the critic."),
    ] = None,
    seed_list: Annotated[
        str, typer.Option("--seeds", metavar="N|A,B,C", help="How many seeds, or which.")
    ] = "1",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a setting, e.g. critic.temperature=0.5."
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(metavar="N", parser=positive_integer("--epochs"))
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(get_args(Precision)),
            parser=choice("--precision", get_args(Precision)),
            help="Number format of the computation.",
        ),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    device: Annotated[
        str, typer.Option(metavar="D", help="cpu, cuda, cuda:1, ... or auto.")
    ] = "auto",
    jobs: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            parser=positive_integer("--jobs"),
            help="Runs at a time, each in a process with its share of the cores "
            "[default: one a core, at most 4; one on a GPU].",
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
            help="Run again what ended so (failed, diverged, ...). Repeatable.",
        ),
    ] = None,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Start nothing new after a failure.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan with its cost; run nothing.")
    ] = False,
    plugin: PluginOption = None,
) -> int:
    """Run tasks with seeds; what the store has already is skipped, what was cut off goes on.

    Examples: fmnbench run --suite quick --seeds 3 · fmnbench run --suite report --critic self
    --lambda 5 --lambda 20 · fmnbench run --plugin my_critic.py --critic mine --suite quick
    """
    plugins = load_plugins(plugin)
    selection = Selection(
        suites=suite or (),
        datasets=dataset or (),
        architectures=architecture or (),
        critics=critic or (),
        objectives=objective or (),
        lambdas=lambda_ or (),
        settings=settings or (),
        epochs=epochs,
        precision=precision,
    )
    restricted = (suite, dataset, architecture, critic, objective)
    if not everything and not any(restricted):
        raise UsageError("Say what to run: --suite NAME, --all, --dataset, --critic, ...")
    chosen = plan(tasks(selection), seeds(seed_list))
    options = Options(
        store=store,
        jobs=jobs or 0,
        device=device,
        timeout=timeout,
        fail_fast=fail_fast,
        retry=cast(list[Status], retry or []),
        plugins=plugins,
    )
    return _carry_out(chosen, options, dry_run=dry_run)


def _carry_out(chosen: Plan, options: Options, *, dry_run: bool) -> int:
    """Does what is left of a plan; returns the exit code."""
    from fmnbench.cli import run_display

    store = Store(options.store)
    corrupt = 0
    stored: dict[str, Result] = {}
    for spec in chosen.specs:
        try:
            result = store.get(spec.track.name, spec.key)
        except RecordError as error:
            corrupt += 1
            _set_aside(store, spec, error, dry_run=dry_run)
            continue
        if result is not None and result.status not in options.retry:
            stored[spec.key] = result
    for problem in chosen.problems:
        typer.echo(f"left out: {problem}", err=True)
    left = [spec for spec in chosen.specs if spec.key not in stored]
    options = _with_defaults(options)
    if dry_run:
        run_display.print_plan(chosen.specs, left, store, options.jobs)
        return SOME_FAILED if corrupt or chosen.problems else 0
    finished = _execute(left, options)
    results = [store.get(spec.track.name, spec.key) for spec in chosen.specs]
    bad = run_display.print_outcome(chosen.specs, results, set(stored))
    if not finished:
        return INTERRUPTED
    return SOME_FAILED if bad or corrupt or chosen.problems else 0


def _execute(left: Sequence[RunSpec], options: Options) -> bool:
    """Runs what is left; returns False when the user stopped it."""
    from fmnbench.cli.run_display import Display

    if not left:
        return True
    from fmnbench.executors.local import LocalExecutor

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both stop the same way
    with Display(left) as display:
        try:
            LocalExecutor()(left, options, display.show)
        except KeyboardInterrupt:
            display.interrupted()
            return False
    return True


def _set_aside(store: Store, spec: RunSpec, error: RecordError, *, dry_run: bool) -> None:
    """Names a record that cannot be trusted and, unless only planning, moves it away."""
    line = f"corrupt record: {error}"
    if not dry_run:
        moved = store.set_aside(store.path(spec.track.name, spec.key))
        line += f" It is kept as {moved}; the run is done again."
    typer.echo(line, err=True)


def _with_defaults(options: Options) -> Options:
    """Returns options with device and jobs settled."""
    import torch

    from fmnbench.executors.local import cores

    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).split("\n")[0]
        raise UsageError(f"--device is '{device}', which cannot be used here: {reason}") from None
    jobs = options.jobs or (1 if device != "cpu" else min(4, cores()))
    return dataclasses.replace(options, device=device, jobs=jobs)
