"""Suites: TOML files that list tracks and the methods compared on each."""

import dataclasses
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import pydantic

from fmnbench.errors import UsageError, unknown
from fmnbench.registry import critics, objectives
from fmnbench.shipped import benchmark_files
from fmnbench.spec import Settings, Task, Track

NO_CRITIC = "none"
TRACK_FIELDS = frozenset(field.name for field in dataclasses.fields(Track))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """A track with the methods that a suite compares on it.

    `critics` may be "all": every registered one, plug-ins included. Settings are by component
    name and hold for this track. `lambdas` are the weights at which each critic is run.
    """

    track: Track
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
        both chosen are all combined. Without a critic λ has no effect, so there it is 0.
        """
        critic_names = chosen_critics or self.critic_names()
        objective_names = chosen_objectives or self.objectives
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

    def critic_names(self) -> Sequence[str]:
        """The suite's critics, the plain VAE first."""
        if self.critics == "all":
            return sorted(critics.names(), key=lambda name: (name != NO_CRITIC, name))
        return self.critics


COMPARISON_FIELDS = frozenset({"critics", "objectives", "critic_settings", "objective_settings"})


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
    _require_keys(table, {"title", "citation", "tracks"}, f"key of {file}")
    for key in ("title", "citation", "tracks"):
        if key not in table:
            raise UsageError(f"{file} has no '{key}'.")
    comparisons = tuple(_comparison(entry, file) for entry in table["tracks"])
    names = [comparison.track.name for comparison in comparisons]
    if len(set(names)) < len(names):
        raise UsageError(f"{file} names a track twice: {', '.join(names)}.")
    return Suite(
        name=name, title=table["title"], citation=table["citation"], comparisons=comparisons
    )


def _comparison(entry: Mapping[str, object], file: str) -> Comparison:
    where = f"track '{entry.get('name', '?')}' of {file}"
    _require_keys(entry, TRACK_FIELDS | COMPARISON_FIELDS | {"lambda"}, f"key in {where}")
    for label, registry in (("critic_settings", critics), ("objective_settings", objectives)):
        settings = entry.get(label, {})
        if isinstance(settings, dict):
            for name in settings:
                registry.entry(name)
    weights = entry.get("lambda", ())
    fields = {
        "track": {key: value for key, value in entry.items() if key in TRACK_FIELDS},
        "lambdas": weights if isinstance(weights, list | tuple) else (weights,),
    } | {key: value for key, value in entry.items() if key in COMPARISON_FIELDS}
    try:
        comparison = pydantic.TypeAdapter(Comparison).validate_python(fields)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"] if part != "track")
        raise UsageError(f"{where}: {key or 'value'}: {first['msg']}.") from None
    for critic in () if comparison.critics == "all" else comparison.critics:
        critics.entry(critic)
    for objective in comparison.objectives:
        objectives.entry(objective)
    return comparison


def _require_keys(
    table: Mapping[str, object], allowed: frozenset[str] | set[str], what: str
) -> None:
    for key in table:
        if key not in allowed:
            raise unknown(what, key, allowed)
