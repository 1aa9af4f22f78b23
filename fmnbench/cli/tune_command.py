"""`fmnbench tune`: studies of a critic's λ on validation rows, as a front and a choice."""

import dataclasses
import json
import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from fmnbench.cli import run_options as option
from fmnbench.cli.options import (
    DEFAULT_STORE,
    JsonOption,
    PluginOption,
    StoreOption,
    SuiteOption,
    load_plugins,
    positive_integer,
    require_folder,
)
from fmnbench.cli.usage import INTERRUPTED, SOME_FAILED, WRONG_USAGE
from fmnbench.errors import UsageError
from fmnbench.planning.plan import Selection
from fmnbench.runs.executors.base import RunOptions, load_executor

TRIALS, SEEDS = 20, 1

if TYPE_CHECKING:  # a help page does not wait for what only the verb needs
    from fmnbench.spec import Task
    from fmnbench.tune.definition import Definition
    from fmnbench.tune.search import Study


def tune_command(  # noqa: PLR0913, PLR0917 - one parameter an option
    critic: Annotated[
        str | None, typer.Option(metavar="NAME", help="The critic whose λ is tuned.")
    ] = None,
    objective: Annotated[
        str | None, typer.Option(metavar="NAME", help="This objective, not the suite's.")
    ] = None,
    suite: SuiteOption = None,
    track: option.TrackOption = None,
    dataset: option.DatasetOption = None,
    architecture: option.ArchitectureOption = None,
    trials: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            parser=positive_integer("--trials"),
            help=f"Settings to try, in all (default: {TRIALS}).",
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            parser=positive_integer("--seeds"),
            help=f"Seeds of each trial; they are no reported ones (default: {SEEDS}).",
        ),
    ] = None,
    space: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=log:LOW:HIGH",
            help="Range of lambda or of a setting, also KEY=linear:LOW:HIGH; else as declared "
            "(`list critics`). Repeatable.",
        ),
    ] = None,
    goal: Annotated[
        str, typer.Option(metavar="G", help='front, nll or "mi s.t. nll <= vae + X" (nats).')
    ] = "front",
    epochs: option.EpochsOption = None,
    store: StoreOption = DEFAULT_STORE,
    device: option.DeviceOption = "auto",
    jobs: option.JobsOption = None,
    timeout: option.TimeoutOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the studies with their cost; run nothing.")
    ] = False,
    as_json: JsonOption = False,
    plugin: PluginOption = None,
) -> int:
    """Tune the λ of a critic on validation rows: a front of likelihood and information, a choice.

    One study for each track that is selected, the cheapest first. Trials are ordinary runs in the
    folder `tuning` beside the store; test rows are out of their reach. The same command goes on
    with a study that was stopped, and more --trials extend it.

    \b
    Examples:
      fmnbench tune --critic self --track digits-mlp --trials 10
      fmnbench tune --critic self --dataset yahoo
      fmnbench tune --critic neural --track toy-mlp --seeds 3 --space lambda=log:1:1000
      fmnbench tune --critic none --objective beta --track toy-linear --goal nll --dry-run
    """  # noqa: D301 - \b is typer's mark for lines to be kept
    from fmnbench.tune.goals import goal_of
    from fmnbench.tune.studies import Wanted, studies

    if critic is None or not any((suite, track, dataset, architecture)):
        raise UsageError(
            "Say what to tune, and where: --critic NAME with --dataset, --track, --architecture "
            "or --suite."
        )
    plugins = load_plugins(plugin)
    require_folder(store, writable=not dry_run)
    selection = Selection(
        suites=suite or (),
        tracks=track or (),
        datasets=dataset or (),
        architectures=architecture or (),
        epochs=epochs,
    )
    wanted = Wanted(
        critic=critic,
        objective=objective,
        space=space or (),
        goal=goal_of(goal),
        trials=trials or TRIALS,
        seeds=seeds or SEEDS,
    )
    found = studies(selection, wanted, store)
    if not found.ready:
        _print_missing(found.missing, critic)
        return WRONG_USAGE
    for row in found.missing:
        name = row.track.dataset
        typer.echo(f"left out: {row.track.name}: Dataset '{name}' is not installed", err=True)
    options = RunOptions(
        store=store, jobs=jobs or 0, device=device, timeout=timeout, plugins=plugins
    )
    options = load_executor(options.executor).settled(options)
    if dry_run:
        from fmnbench.cli.tune_tables import print_plan

        print_plan(found.ready, options)
        return 0
    return _carry_out(found.ready, options, as_json=as_json)


def _carry_out(studies: "Sequence[Definition]", options: RunOptions, *, as_json: bool) -> int:
    """Carries out the studies and prints each; returns the exit code."""
    from fmnbench.cli.tune_tables import print_study
    from fmnbench.tune.outputs import write_choice
    from fmnbench.tune.summary import plain_values

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stops it as Ctrl-C does
    done: list[Study] = []
    for asked in studies:
        study = _search(asked, options)
        done.append(study)
        suite = write_choice(study, options.store)
        if not as_json:
            print_study(study, suite)
        if study.interrupted:
            typer.echo(
                f"Stopped with {study.left} trials left; the same command goes on.", err=True
            )
            break
    if as_json:
        typer.echo(json.dumps(list(map(plain_values, done)), indent=2, ensure_ascii=False))
    if any(study.interrupted for study in done):
        return INTERRUPTED
    bad = any(study.problems or study.choice.trial is None for study in done)
    return SOME_FAILED if bad else 0


def _search(asked: "Definition", options: RunOptions) -> "Study":
    """Carries out one study with its progress shown."""
    from fmnbench.cli.tune_display import TuneDisplay
    from fmnbench.records.store import Store
    from fmnbench.tune.definition import RECORDS, track_folder
    from fmnbench.tune.search import known_results, search, study_of

    folder = track_folder(options.store, asked.task.track.name) / RECORDS
    before = study_of(asked, known_results(asked, Store(folder)))
    with TuneDisplay(asked, len(before.trials)) as display:
        own = dataclasses.replace(options, store=folder)
        return search(asked, own, display.show, display.told)


def _print_missing(rows: "Sequence[Task]", critic: str) -> None:
    """Prints which dataset is not installed, and how to get it or another one."""
    from fmnbench.data import cache
    from fmnbench.data.dataset import CachedDataset
    from fmnbench.registry import datasets

    by_dataset: dict[str, list[Task]] = {}
    for row in rows:
        by_dataset.setdefault(row.track.dataset, []).append(row)
    for name, members in by_dataset.items():
        tracks = ", ".join(row.track.name for row in members)
        plural = "s" if len(members) > 1 else ""
        made = datasets.get(name)(**datasets.fill(name, members[0].track.dataset_settings))
        assert isinstance(made, CachedDataset)
        key = made.cache_name
        typer.echo(f"error: Dataset '{key}' is not installed (track{plural} {tracks}).", err=True)
        if made.sources:
            typer.echo(f"  get it:     fmnbench data fetch {key}", err=True)
        way = "or import: " if made.sources else "import it: "
        typer.echo(f"  {way} fmnbench data import {key} {made.import_example}", err=True)
        for other in made.smaller:
            if cache.manifest(other) is not None:
                command = f"fmnbench tune --critic {critic} --dataset {other}"
                typer.echo(f"  installed:  {command}", err=True)
