"""Suites: TOML files that list tracks and the methods compared on each."""

import dataclasses
import math
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import pydantic

from fmnbench.errors import UsageError, unknown
from fmnbench.files import benchmark_files
from fmnbench.registry import architectures, critics, datasets, objectives
from fmnbench.spec import LATENT_FREE, Settings, Task, Track

NO_CRITIC = "none"
TRACK_FIELDS = frozenset(field.name for field in dataclasses.fields(Track))


@dataclasses.dataclass(frozen=True, kw_only=True)
class LatentFree:
    """The model without a latent that a track's models must beat, trained by the same recipe."""

    architecture: str
    architecture_settings: Settings = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """A track with the methods that a suite compares on it.

    `critics` may be "all": every registered one, plug-ins included. Settings are by component
    name and hold for this track. `lambdas` are the weights at which each critic is run.
    """

    track: Track
    latent_free: LatentFree | None = None
    critics: tuple[str, ...] | Literal["all"]
    objectives: tuple[str, ...] = ("elbo",)
    lambdas: tuple[float, ...]
    critic_settings: Mapping[str, Settings] = dataclasses.field(default_factory=dict)
    objective_settings: Mapping[str, Settings] = dataclasses.field(default_factory=dict)

    def tasks(
        self,
        chosen_critics: Sequence[str] = (),
        chosen_objectives: Sequence[str] = (),
        lambdas: Sequence[float] = (),
    ) -> Iterator[Task]:
        """Yields the rows: each critic with the first objective, other objectives without critic.

        What is chosen takes the place of the suite's own list; critics and objectives that are
        both chosen are all combined. Without a critic λ has no effect, so there it is 0. The
        latent-free model comes first, as a track of its own, unless something is chosen.
        """
        if self.latent_free is not None and not (chosen_critics or chosen_objectives or lambdas):
            yield self._reference(self.latent_free)
        critic_names = chosen_critics or self.critic_names()
        own = self.objectives[:1] if chosen_critics else self.objectives
        objective_names = chosen_objectives or own
        for place, objective in enumerate(objective_names):
            is_alone = place > 0 and not chosen_critics
            for critic in [NO_CRITIC] if is_alone else critic_names:
                for weight in (0.0,) if critic == NO_CRITIC else (lambdas or self.lambdas):
                    yield Task(
                        track=self.track,
                        critic=critic,
                        critic_settings=self.critic_settings.get(critic, {}),
                        objective=objective,
                        objective_settings=self.objective_settings.get(objective, {}),
                        lambda_=weight,
                    )

    def _reference(self, model: LatentFree) -> Task:
        track = dataclasses.replace(
            self.track,
            name=self.track.name + LATENT_FREE,
            architecture=model.architecture,
            architecture_settings=model.architecture_settings,
        )
        return Task(track=track, critic=NO_CRITIC, objective=self.objectives[0])

    def critic_names(self) -> Sequence[str]:
        """The suite's critics, the plain VAE first."""
        if self.critics == "all":
            return sorted(critics.names(), key=lambda name: (name != NO_CRITIC, name))
        return self.critics


COMPARISON_FIELDS = frozenset(
    {"critics", "objectives", "critic_settings", "objective_settings", "latent_free"}
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Suite:
    """A named list of comparisons with its citation."""

    name: str
    title: str
    citation: str
    comparisons: tuple[Comparison, ...]


def suite_names() -> list[str]:
    """Returns the names of the suites that come with fmnbench."""
    return sorted(
        file.name.removesuffix(".toml")
        for file in benchmark_files().iterdir()
        if file.name.endswith(".toml")
    )


def load_suite(name: str) -> Suite:
    """Returns a suite by its name, or from a path that ends in .toml.

    Raises UsageError with the file, the key and the nearest guess where something is wrong.
    """
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise UsageError(f"There is no suite file '{name}'.")
        return _parse(path.stem, path.name, path.read_bytes())
    if name not in suite_names():
        raise unknown("suite", name, suite_names())
    file = benchmark_files() / f"{name}.toml"
    return _parse(name, file.name, file.read_bytes())


def all_suites() -> list[Suite]:
    """Returns the suites that come with fmnbench, sorted by name."""
    return [load_suite(name) for name in suite_names()]


def _parse(name: str, file: str, content: bytes) -> Suite:
    try:
        table = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is not valid TOML: {error}") from None
    wanted = {"title": str, "citation": str, "tracks": list}
    _require_keys(table, wanted.keys(), file)
    for key, kind in wanted.items():
        if not table.get(key):
            raise UsageError(f"{file} has no '{key}'.")
        if not isinstance(table[key], kind):
            shape = "a list of tables, [[tracks]]" if kind is list else "a text"
            raise UsageError(f"{file}: {key} must be {shape}.")
    comparisons = tuple(_comparison(entry, file) for entry in table["tracks"])
    names = [comparison.track.name for comparison in comparisons]
    if len(set(names)) < len(names):
        raise UsageError(f"{file} names a track twice: {', '.join(names)}.")
    return Suite(
        name=name, title=table["title"], citation=table["citation"], comparisons=comparisons
    )


def _comparison(entry: object, file: str) -> Comparison:
    if not isinstance(entry, dict):
        raise UsageError(f"{file}: tracks must be a list of tables, [[tracks]].")
    where = f"track '{entry.get('name', '?')}' of {file}"
    _require_keys(entry, TRACK_FIELDS | COMPARISON_FIELDS | {"lambda"}, where)
    _require_finite(entry, where)
    weights = entry.get("lambda", [])
    fields = {
        "track": {key: value for key, value in entry.items() if key in TRACK_FIELDS},
        "lambdas": weights if isinstance(weights, list) else [weights],
    } | {key: value for key, value in entry.items() if key in COMPARISON_FIELDS}
    try:
        comparison = pydantic.TypeAdapter(Comparison).validate_python(fields)
    except pydantic.ValidationError as error:
        raise UsageError(f"{where}: {_complaint(error)}") from None
    try:
        _require_sense(comparison)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    return comparison


def _complaint(error: pydantic.ValidationError) -> str:
    """Returns the first thing that is wrong, with its key and what was given."""
    first = error.errors()[0]
    place = [str(part) for part in first["loc"] if part != "track"]
    reason = first["msg"].removeprefix("Value error, ")
    given = "" if first["type"] in ("missing", "value_error") else f", not {first['input']!r}"
    if first["type"] == "missing":
        reason = "it is missing"
    elif place[:1] == ["critics"]:
        place, reason = ["critics"], 'it must be "all" or a list of names'
    elif place[:1] == ["lambdas"]:
        place, reason = ["lambda"], "it must be a number or a list of numbers"
    elif "settings" in "".join(place[:1]) and len(place) > 1:
        reason = "it must be a number, a text, true, false or a list of one kind of these"
        place = place[: 3 if place[0] in COMPARISON_FIELDS else 2]
    return f"{': '.join(['.'.join(place)] * bool(place) + [reason])}{given}."


def _require_sense(comparison: Comparison) -> None:
    """Raises UsageError for a name that is unknown, a missing or a negative λ, an empty list."""
    track = comparison.track
    free = () if comparison.latent_free is None else (comparison.latent_free.architecture,)
    named_critics = () if comparison.critics == "all" else comparison.critics
    for registry, names in (
        (datasets, (track.dataset,)),
        (architectures, (track.architecture, *free)),
        (critics, (*named_critics, *comparison.critic_settings)),
        (objectives, (*comparison.objectives, *comparison.objective_settings)),
    ):
        for name in names:
            registry.entry(name)
    if not comparison.critics or not comparison.objectives:
        raise UsageError("critics and objectives must name at least one each.")
    if not comparison.lambdas and comparison.critics != (NO_CRITIC,):
        raise UsageError("it has critics but no 'lambda', their weight.")
    for weight in comparison.lambdas:
        if weight < 0:
            raise UsageError(f"lambda is {weight:g}; it must be 0 or above.")


def _require_keys(table: Mapping[str, object], allowed: Collection[str], where: str) -> None:
    for key in table:
        if key not in allowed:
            raise UsageError(f"{where}: {unknown('key', key, allowed)}")


def _require_finite(value: object, where: str) -> None:
    """Raises UsageError for TOML's nan and inf, which no key could hold."""
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"{where} is {value}; numbers must be finite.")
    if isinstance(value, dict):
        for key, child in value.items():
            _require_finite(child, f"{where}: {key}")
    elif isinstance(value, list):
        for child in value:
            _require_finite(child, where)
