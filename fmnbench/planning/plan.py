"""From a selection to exact runs: rows of suites, overrides, all defaults filled in."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from fmnbench.data.identity import fingerprint, missing
from fmnbench.errors import ComponentError, UsageError, unknown
from fmnbench.planning.overrides import with_overrides
from fmnbench.planning.suite import NO_CRITIC
from fmnbench.planning.suite_file import all_suites, load_suite
from fmnbench.registry import REGISTRIES, Registry, architectures, critics, datasets, remedies
from fmnbench.seeds import TUNING
from fmnbench.spec import RunSpec, Task, Track

METRICS_VERSION = "1"  # part of every key; raise it when a metric's numbers move
TRAINING_VERSION = "1"  # the same for the training loop
IN_FLOAT32 = "+float32"  # to a critic's version in bf16 tracks: the first records there have bf16


@dataclasses.dataclass(frozen=True, kw_only=True)
class Selection:
    """What a user asked for; empty means no restriction.

    Names of tracks, datasets and architectures filter the tracks of the suites; critics,
    objectives and λ replace a suite's own. `settings` are "key=value" texts.
    """

    suites: Sequence[str] = ()
    tracks: Sequence[str] = ()
    datasets: Sequence[str] = ()
    architectures: Sequence[str] = ()
    critics: Sequence[str] = ()
    objectives: Sequence[str] = ()
    lambdas: Sequence[float] = ()
    settings: Sequence[str] = ()
    epochs: int | None = None
    precision: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """The runs to do, and the reasons why other tasks cannot be planned.

    `missing` says, by the name of a track, how to get data that are not on this machine.
    """

    specs: tuple[RunSpec, ...]
    problems: tuple[str, ...] = ()
    missing: Mapping[str, str] = dataclasses.field(default_factory=dict)


def tasks(selection: Selection) -> list[Task]:
    """Returns the rows that a selection names, in the order of the suites, each once.

    Raises UsageError for an unknown name, and where no row fits.
    """
    _require_known(selection)
    suites = [load_suite(name) for name in selection.suites] or all_suites()
    everything = [comparison for suite in suites for comparison in suite.comparisons]
    tracks = [row.track for comparison in everything for row in comparison.tasks()]
    for name in selection.tracks:
        if name not in (names := {track.name for track in tracks}):
            raise unknown("track", name, names)
    weights = [float(weight) + 0.0 for weight in selection.lambdas]  # -0.0 + 0.0 is 0.0
    rows = [
        row
        for comparison in everything
        for row in comparison.tasks(selection.critics, selection.objectives, weights)
        if _fits((row.track, comparison.track), selection)
    ]
    if not rows:
        known = {f"{track.dataset} + {track.architecture}" for track in tracks}
        chosen = [*selection.tracks, *selection.datasets, *selection.architectures]
        chosen += [*selection.critics, *selection.objectives]
        chosen += [f"λ={weight:g}" for weight in selection.lambdas]
        raise UsageError(
            f"No track of {', '.join(suite.name for suite in suites)} has {', '.join(chosen)}. "
            f"There are: {', '.join(sorted(known))}."
        )
    given = {"epochs": selection.epochs, "precision": selection.precision}
    recipe = {key: value for key, value in given.items() if value is not None}
    rows = with_overrides(rows, selection.settings, recipe)
    unique = {(row.track.name, row.row): row for row in rows}
    _require_one_meaning(list(unique.values()))
    return list(unique.values())


def plan(rows: Sequence[Task], seeds: Sequence[int]) -> Plan:
    """Returns the runs of rows with seeds, row by row; a broken component loses its rows only.

    Raises UsageError for a setting that does not fit its component, for a seed of tuning, and
    where no row remains.
    """
    _require_reported(seeds)
    specs: list[RunSpec] = []
    problems: dict[str, None] = {}
    absent: dict[str, str] = {}
    for row in rows:
        try:
            first = resolve(row, seeds[0])
        except ComponentError as error:
            problems[str(error)] = None
        except UsageError as error:
            raise UsageError(f"Track '{row.track.name}': {error}") from None
        else:
            specs += [dataclasses.replace(first, seed=seed) for seed in seeds]
            reason = missing(first.track.dataset, first.track.dataset_settings)
            if reason:
                absent[first.track.name] = reason
    if not specs:
        raise UsageError(" ".join(problems))
    return Plan(specs=tuple(specs), problems=tuple(problems), missing=absent)


def resolve(task: Task, seed: int) -> RunSpec:
    """Returns the run of a task with a seed, all defaults filled in.

    Raises UsageError for a setting that a component does not have, or of the wrong type.
    """
    track = task.track
    versions = component_versions(task)
    full = dataclasses.replace(
        track,
        dataset_settings=datasets.identity(track.dataset, track.dataset_settings),
        architecture_settings=architectures.identity(
            track.architecture, track.architecture_settings
        ),
    )
    return RunSpec(
        track=full,
        critic=task.critic,
        critic_settings=critics.identity(task.critic, task.critic_settings),
        objective=task.objective,
        objective_settings=remedies.identity(task.objective, task.objective_settings),
        lambda_=float(task.lambda_) + 0.0,  # -0.0 + 0.0 is 0.0
        seed=seed,
        dataset_fingerprint=fingerprint(track.dataset, full.dataset_settings),
        versions=versions | {"metrics": METRICS_VERSION, "training": TRAINING_VERSION},
    )


def component_versions(task: Task) -> dict[str, str]:
    """Returns the versions of a row's components by kind, as keys hold them."""
    parts: dict[str, tuple[Registry[Any], str]] = {
        "dataset": (datasets, task.track.dataset),
        "architecture": (architectures, task.track.architecture),
        "critic": (critics, task.critic),
        "objective": (remedies, task.objective),
    }
    versions = {kind: registry.version(name) for kind, (registry, name) in parts.items()}
    if task.track.precision == "bf16" and task.critic != NO_CRITIC:
        versions["critic"] += IN_FLOAT32
    return versions


def _fits(tracks: Sequence[Track], selection: Selection) -> bool:
    """Whether a selection includes a row's own track, or the track that it is a reference of."""
    chosen = (
        ({track.name for track in tracks}, selection.tracks),
        ({track.dataset for track in tracks}, selection.datasets),
        ({track.architecture for track in tracks}, selection.architectures),
    )
    return all(not wanted or not has.isdisjoint(wanted) for has, wanted in chosen)


def _require_known(selection: Selection) -> None:
    chosen = {
        "datasets": selection.datasets,
        "architectures": selection.architectures,
        "critics": selection.critics,
        "remedies": selection.objectives,
    }
    for label, names in chosen.items():
        for name in names:
            REGISTRIES[label].entry(name)
    for weight in selection.lambdas:
        if not 0 <= weight < float("inf"):
            raise UsageError(f"λ is {weight}; it must be 0 or above, and finite.")


def _require_reported(seeds: Sequence[int]) -> None:
    for seed in seeds:
        if seed >= TUNING:
            raise UsageError(
                f"The seed {seed} is one of tuning, so that no reported seed chooses its own λ; "
                f"reported seeds are below {TUNING}."
            )


def _require_one_meaning(rows: Sequence[Task]) -> None:
    meaning: dict[str, Track] = {}
    for row in rows:
        if meaning.setdefault(row.track.name, row.track) != row.track:
            raise UsageError(f"Two suites give the track '{row.track.name}' different settings.")
