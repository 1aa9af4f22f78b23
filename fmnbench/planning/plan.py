"""From what was asked for to the exact runs: selection, overrides, every default filled in."""

import dataclasses
import math
import tomllib
from collections.abc import Mapping, Sequence

import pydantic

from fmnbench.data.identity import fingerprint, missing
from fmnbench.errors import ComponentError, UsageError, unknown
from fmnbench.planning.suite_file import TRACK_FIELDS, all_suites, load_suite
from fmnbench.registry import REGISTRIES, architectures, critics, datasets, objectives
from fmnbench.spec import RunSpec, Setting, Task, Track

NOT_RECIPE = {"name", "dataset", "dataset_settings", "architecture", "architecture_settings"}
RECIPE = TRACK_FIELDS - NOT_RECIPE
METRICS_VERSION = "1"  # part of every key; raise it when a metric's numbers move
TRAINING_VERSION = "1"  # the same for the training loop


@dataclasses.dataclass(frozen=True, kw_only=True)
class Selection:
    """What a user asked for; empty means no restriction.

    Names of tracks, datasets and architectures filter the tracks of the suites; critics,
    objectives and λ take the place of a suite's own. `settings` are "key=value" texts.
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
    """The runs to do, and the tasks that cannot be planned with the reason.

    `missing` says by the name of a track how to get its data, which are not on this machine.
    """

    specs: tuple[RunSpec, ...]
    problems: tuple[str, ...] = ()
    missing: Mapping[str, str] = dataclasses.field(default_factory=dict)


def tasks(selection: Selection) -> list[Task]:
    """Returns the rows that a selection names, in the order of the suites, each once.

    Raises UsageError for an unknown name, or where nothing fits.
    """
    _require_known(selection)
    suites = [load_suite(name) for name in selection.suites] or all_suites()
    everything = [comparison for suite in suites for comparison in suite.comparisons]
    tracks = [row.track for comparison in everything for row in comparison.tasks()]
    for name in selection.tracks:
        if name not in (names := {track.name for track in tracks}):
            raise unknown("track", name, names)
    rows = [
        row
        for comparison in everything
        for row in comparison.tasks(selection.critics, selection.objectives, selection.lambdas)
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
    unique = {(row.track.name, row.row): row for row in _with_overrides(rows, selection)}
    _require_one_meaning(list(unique.values()))
    return list(unique.values())


def plan(rows: Sequence[Task], seeds: Sequence[int]) -> Plan:
    """Returns the runs of rows with seeds, row by row; a broken component costs its rows only.

    Raises UsageError for a setting that does not fit its component, or where no row is left.
    """
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
        dataset_fingerprint=fingerprint(track.dataset, full.dataset_settings),
        versions=versions | {"metrics": METRICS_VERSION, "training": TRAINING_VERSION},
    )


def _fits(tracks: Sequence[Track], selection: Selection) -> bool:
    """Returns whether what is chosen is a row's own track or the one that it is a reference of."""
    chosen = (
        ({track.name for track in tracks}, selection.tracks),
        ({track.dataset for track in tracks}, selection.datasets),
        ({track.architecture for track in tracks}, selection.architectures),
    )
    return all(not wanted or not has.isdisjoint(wanted) for has, wanted in chosen)


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
    """Returns the rows with --set, --epochs and --precision applied, in the order of their keys.

    A critic's or objective's setting applies to the rows that have it; a change of the track
    is a different table, so the track's name says it.
    """
    overrides = dict(_assignment(text) for text in selection.settings)
    recipe = {"epochs": selection.epochs, "precision": selection.precision}
    overrides |= {key: value for key, value in recipe.items() if value is not None}
    for key, value in sorted(overrides.items()):
        names = [_named(row, key) for row in rows]
        if not any(names):
            raise unknown("setting", key, {name for row in rows for name in _settable(row)})
        rows = [
            _changed(row, name, value) if name else row
            for row, name in zip(rows, names, strict=True)
        ]
    return list(rows)


def _assignment(text: str) -> tuple[str, Setting]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"--set takes key=value, not '{text}'.")
    parsed = _value(value.strip())
    for number in parsed if isinstance(parsed, tuple) else (parsed,):
        if isinstance(number, float) and not math.isfinite(number):
            raise UsageError(f"--set {key.strip()} is '{value.strip()}'; it must be finite.")
    return key.strip(), parsed


def _value(text: str) -> Setting:
    """Returns a TOML value where the text is one (1e-3, true, [64, 32]), else the text itself."""
    try:
        value: Setting = tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text
    return tuple(value) if isinstance(value, list) else value


def _settable(row: Task) -> Mapping[str, Setting]:
    """Returns what --set can name for a row, and its value: recipe fields, kind.setting."""
    track = row.track
    values: dict[str, Setting] = {name: getattr(track, name) for name in RECIPE}
    for registry, component, given in (
        (datasets, track.dataset, track.dataset_settings),
        (architectures, track.architecture, track.architecture_settings),
        (critics, row.critic, row.critic_settings),
        (objectives, row.objective, row.objective_settings),
    ):
        try:
            settings = registry.fill(component, given)
        except ComponentError:
            continue  # the plan says so, and leaves its rows out
        values |= {f"{registry.kind}.{key}": value for key, value in settings.items()}
    return values


def _named(row: Task, key: str) -> str | None:
    """Returns the full name of the setting of a row that a key means, or None."""
    matches = [name for name in _settable(row) if key in (name, name.partition(".")[2])]
    if len(matches) > 1:
        raise UsageError(f"--set {key} is ambiguous: {', '.join(sorted(matches))}.")
    return matches[0] if matches else None


def _changed(row: Task, name: str, value: Setting) -> Task:
    """Returns the row with one setting changed; the track's name says a change of the track."""
    kind, _, setting = name.rpartition(".")
    if kind == "critic":
        settings = {**row.critic_settings, setting: value}
        return dataclasses.replace(row, critic_settings=settings)
    if kind == "objective":
        settings = {**row.objective_settings, setting: value}
        return dataclasses.replace(row, objective_settings=settings)
    if value == _settable(row)[name]:
        return row
    track = row.track
    shown = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    fields: dict[str, object] = dataclasses.asdict(track)
    fields["name"] = f"{track.name}+{setting}={shown}"
    holder = fields[f"{kind}_settings"] if kind else fields
    assert isinstance(holder, dict)
    holder[setting] = value
    try:
        changed = pydantic.TypeAdapter(Track).validate_python(fields)
    except pydantic.ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(f"{setting} is '{shown}': {reason}.") from None
    return dataclasses.replace(row, track=changed)
