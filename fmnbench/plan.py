"""From what was asked for to the exact runs: selection, overrides, every default filled in."""

import dataclasses
import functools
import json
import tomllib
from collections.abc import Mapping, Sequence

import pydantic

from fmnbench.errors import FmnbenchError, UsageError, unknown
from fmnbench.fingerprint import fingerprint
from fmnbench.registry import REGISTRIES, Registry, architectures, critics, datasets, objectives
from fmnbench.spec import RunSpec, Setting, Settings, Task, Track, canonical_json
from fmnbench.suite import TRACK_FIELDS, Comparison, all_suites, load_suite

NOT_RECIPE = {"name", "dataset", "dataset_settings", "architecture", "architecture_settings"}
RECIPE = TRACK_FIELDS - NOT_RECIPE
METRICS_VERSION = "1"  # part of every key; raise it when a metric's numbers move
TRAINING_VERSION = "1"  # the same for the training loop


@dataclasses.dataclass(frozen=True, kw_only=True)
class Selection:
    """What a user asked for; empty means no restriction.

    Datasets and architectures filter the tracks of the suites; critics, objectives and λ take the
    place of a suite's own. `settings` are "key=value" texts.
    """

    suites: Sequence[str] = ()
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
    """The runs to do, and the tasks that cannot be planned with the reason."""

    specs: tuple[RunSpec, ...]
    problems: tuple[str, ...] = ()


def tasks(selection: Selection) -> list[Task]:
    """Returns the rows that a selection names, in the order of the suites, each once.

    Raises UsageError for an unknown name, or where nothing fits.
    """
    _require_known(selection)
    suites = [load_suite(name) for name in selection.suites] or all_suites()
    comparisons = [c for suite in suites for c in suite.comparisons if _fits(c, selection)]
    if not comparisons:
        known = {f"{c.track.dataset} + {c.track.architecture}" for s in suites for c in s.comparisons}
        raise UsageError(
            f"No track of {', '.join(suite.name for suite in suites)} has "
            f"{', '.join([*selection.datasets, *selection.architectures])}. "
            f"There are: {', '.join(sorted(known))}."
        )
    rows = [
        task
        for comparison in comparisons
        for task in comparison.tasks(selection.critics, selection.objectives, selection.lambdas)
    ]
    unique = {(row.track.name, row.row): row for row in _with_overrides(rows, selection)}
    _require_one_meaning(list(unique.values()))
    return list(unique.values())


def plan(rows: Sequence[Task], seeds: Sequence[int]) -> Plan:
    """Returns the runs of rows with seeds, row by row; a broken component costs its rows only."""
    specs: list[RunSpec] = []
    problems: dict[str, None] = {}
    for row in rows:
        try:
            specs += [resolve(row, seed) for seed in seeds]
        except FmnbenchError as error:
            problems[str(error)] = None
    if not specs:
        raise UsageError(" ".join(problems))
    return Plan(specs=tuple(specs), problems=tuple(problems))


def resolve(task: Task, seed: int) -> RunSpec:
    """Returns the run of a task with a seed, all defaults filled in.

    Raises UsageError for a setting that a component does not have or does not take.
    """
    track = task.track
    parts = {
        "dataset": (datasets, track.dataset),
        "architecture": (architectures, track.architecture),
        "critic": (critics, task.critic),
        "objective": (objectives, task.objective),
    }
    versions = {kind: registry.version(name) for kind, (registry, name) in parts.items()}
    full = dataclasses.replace(
        track,
        dataset_settings=datasets.fill(track.dataset, track.dataset_settings),
        architecture_settings=architectures.fill(track.architecture, track.architecture_settings),
    )
    return RunSpec(
        track=full,
        critic=task.critic,
        critic_settings=critics.fill(task.critic, task.critic_settings),
        objective=task.objective,
        objective_settings=objectives.fill(task.objective, task.objective_settings),
        lambda_=float(task.lambda_),
        seed=seed,
        dataset_fingerprint=_fingerprint(track.dataset, canonical_json(full.dataset_settings)),
        versions=versions | {"metrics": METRICS_VERSION, "training": TRAINING_VERSION},
    )


@functools.cache
def _fingerprint(dataset: str, settings: str) -> str:
    return fingerprint(dataset, json.loads(settings))


def _fits(comparison: Comparison, selection: Selection) -> bool:
    track = comparison.track
    return (not selection.datasets or track.dataset in selection.datasets) and (
        not selection.architectures or track.architecture in selection.architectures
    )


def _require_known(selection: Selection) -> None:
    for label in ("datasets", "architectures", "critics", "objectives"):
        for name in getattr(selection, label):
            REGISTRIES[label].entry(name)
    for weight in selection.lambdas:
        if not 0 <= weight < float("inf"):
            raise UsageError(f"λ is {weight}; it must be 0 or above, and finite.")


def _require_one_meaning(rows: Sequence[Task]) -> None:
    meaning: dict[str, Track] = {}
    for row in rows:
        if meaning.setdefault(row.track.name, row.track) != row.track:
            raise UsageError(f"Two suites give the track '{row.track.name}' different settings.")


def _with_overrides(rows: Sequence[Task], selection: Selection) -> list[Task]:
    """Returns the rows with --set, --epochs and --precision applied.

    A critic's or objective's setting applies to the rows that have it; a change of the track
    is a different table, so the track's name says it.
    """
    overrides = [_assignment(text) for text in selection.settings]
    recipe = {"epochs": selection.epochs, "precision": selection.precision}
    overrides += [(key, value) for key, value in recipe.items() if value is not None]
    for key, value in overrides:
        changed = [_override(row, key, value) for row in rows]
        if all(after is before for after, before in zip(changed, rows, strict=True)):
            raise unknown("setting", key, {name for row in rows for name in _settable(row)})
        rows = changed
    return list(rows)


def _assignment(text: str) -> tuple[str, Setting]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"--set takes key=value, not '{text}'.")
    return key.strip(), _value(value.strip())


def _value(text: str) -> Setting:
    """Returns a TOML value where the text is one (1e-3, true, [64, 32]), else the text itself."""
    try:
        value: Setting = tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text
    return tuple(value) if isinstance(value, list) else value


def _settable(row: Task) -> Mapping[str, Registry | None]:
    """Returns what --set can name for a row: recipe fields bare, settings as kind.setting."""
    names: dict[str, Registry | None] = dict.fromkeys(RECIPE)
    for registry, component in (
        (datasets, row.track.dataset),
        (architectures, row.track.architecture),
        (critics, row.critic),
        (objectives, row.objective),
    ):
        names |= {f"{registry.kind}.{key}": registry for key in registry.settings(component)}
    return names


def _override(row: Task, key: str, value: Setting) -> Task:
    """Returns the row with one setting changed, or the row itself where it has no such setting."""
    names = _settable(row)
    matches = [name for name in names if key in (name, name.partition(".")[2])]
    if not matches:
        return row
    if len(matches) > 1:
        raise UsageError(f"--set {key} is ambiguous: {', '.join(sorted(matches))}.")
    name = matches[0]
    registry, setting = names[name], name.partition(".")[2] or name
    if registry in (critics, objectives):
        field = f"{name.partition('.')[0]}_settings"
        return dataclasses.replace(row, **{field: {**getattr(row, field), setting: value}})
    return dataclasses.replace(row, track=_changed(row.track, registry, setting, value))


def _changed(track: Track, registry: Registry | None, setting: str, value: Setting) -> Track:
    """Returns the track with one setting changed and said in its name."""
    shown = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    name = f"{track.name}+{setting}={shown}"
    fields: dict[str, object] = dataclasses.asdict(track) | {"name": name}
    if registry is None:
        fields[setting] = value
    else:
        settings: Settings = getattr(track, f"{registry.kind}_settings")
        fields[f"{registry.kind}_settings"] = {**settings, setting: value}
    try:
        return pydantic.TypeAdapter(Track).validate_python(fields)
    except pydantic.ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(f"{setting} is '{shown}': {reason}.") from None
