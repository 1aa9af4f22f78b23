"""`fmnbench tune`: studies of a critic's λ on validation rows, as a front and a choice."""

import time

from fmnbench.cli import run_options as option
from fmnbench.cli import tune_options as own
from fmnbench.cli.options import (
    DEFAULT_STORE,
    JsonOption,
    PluginOption,
    StoreOption,
    SuiteOption,
    load_plugins,
    one_name,
    require_folder,
)
from fmnbench.cli.text import say
from fmnbench.cli.usage import WRONG_USAGE
from fmnbench.errors import UsageError
from fmnbench.planning.plan import Selection
from fmnbench.runs.executors.base import RunOptions, load_executor
from fmnbench.tune.goals import goal_of
from fmnbench.tune.studies import Wanted, studies


def tune_command(  # noqa: PLR0913, PLR0917 - one parameter an option
    shown: own.ShownArgument = None,
    critic: own.CriticOption = None,
    remedy: own.RemedyOption = None,
    objective: own.ObjectiveOption = None,
    suite: SuiteOption = None,
    track: option.TrackOption = None,
    dataset: option.DatasetOption = None,
    architecture: option.ArchitectureOption = None,
    trials: own.TrialsOption = None,
    seeds: own.SeedsOption = None,
    space: own.SpaceOption = None,
    goal: own.GoalOption = "front",
    epochs: option.EpochsOption = None,
    store: StoreOption = DEFAULT_STORE,
    device: option.DeviceOption = "auto",
    jobs: option.JobsOption = None,
    timeout: option.TimeoutOption = None,
    time_: own.TimeOption = None,
    storage: own.StorageOption = None,
    dry_run: own.DryRunOption = False,
    measure: option.MeasureOption = False,
    show: own.ShowOption = False,
    as_json: JsonOption = False,
    plugin: PluginOption = None,
) -> int:
    """Tune the λ of a critic on validation rows: a front and a choice.

    One study for each track that is selected, the cheapest first. Trials are ordinary runs in the
    folder `tuning` beside the store; test rows are out of their reach. The same command goes on
    with a study that was stopped, and more --trials extend it.

    \b
    Examples:
      fmnbench tune --critic self --track digits-mlp --trials 10
      fmnbench tune --critic self --dataset yahoo
      fmnbench tune --critic neural --track toy-mlp --seeds 3 --space lambda=log:1:1000
      fmnbench tune --show toy-mlp
      fmnbench tune --critic none --remedy beta --track toy-linear --goal nll --dry-run
    """  # noqa: D301 - \b is typer's mark for lines to be kept
    from fmnbench.cli.tune_run import carry_out_studies, print_missing, show_studies
    from fmnbench.cli.tune_tables import print_plan

    if show:
        show_studies(store, shown, as_json=as_json)
        return 0
    if shown is not None:
        raise UsageError(f"'{shown}' goes with --show; the track to tune is --track {shown}.")

    if critic is None or not any((suite, track, dataset, architecture)):
        raise UsageError(
            "Say what to tune, and where: --critic NAME with --dataset, --track, --architecture "
            "or --suite."
        )
    one_name(remedy, objective)
    if measure and not dry_run:
        raise UsageError("--measure runs nothing to its end: it goes with --dry-run.")
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
        objective=remedy or objective,
        space=space or (),
        goal=goal_of(goal),
        trials=trials or own.TRIALS,
        seeds=seeds or own.SEEDS,
    )
    found = studies(selection, wanted, store)
    if not found.ready:
        print_missing(found.missing, critic)
        return WRONG_USAGE
    for row in found.missing:
        name = row.track.dataset
        say(f"left out: {row.track.name}: Dataset '{name}' is not installed", err=True)
    options = RunOptions(
        store=store, jobs=jobs or 0, device=device, timeout=timeout, plugins=plugins
    )
    options = load_executor(options.executor).settled(options)
    if dry_run:
        print_plan(found.ready, options, measure=measure)
        return 0
    until = None if time_ is None else time.monotonic() + time_
    return carry_out_studies(found.ready, options, storage=storage, until=until, as_json=as_json)
