"""What a study searches: the λ of its critic, and settings that have a range."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from fmnbench.errors import UsageError, unknown
from fmnbench.planning.suite import NO_CRITIC
from fmnbench.registry import Range, Registry, critics, remedies
from fmnbench.spec import RunSpec, Setting, Settings, Task

LAMBDA = "lambda"
DIGITS = 3  # significant ones of a proposed value: finer steps cost runs and tell nothing
POINTS = 7  # of the first grid: half a decade apart in the usual range of λ
ORDER = (0, 6, 3, 1, 5, 2, 4)  # of these points: the first few span the range, too
KINDS: Mapping[str, Registry[Any]] = {"critic": critics, "objective": remedies}

Number = int | float
Values = Mapping[str, Number]  # by key: lambda, critic.temperature, objective.beta


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parameter:
    """One searched quantity: λ, or a setting of the critic or the objective.

    `start` is the row's own value, or the nearest one in the range.
    """

    key: str
    span: Range
    start: Number
    is_whole: bool = False

    def tidy(self, value: Number) -> Number:
        """Returns a value of three significant digits within the range."""
        if self.is_whole:
            low, high = math.ceil(self.span.low), math.floor(self.span.high)
            return min(max(round(value), low), high)
        rounded = float(f"{value:.{DIGITS}g}")
        return float(min(max(rounded, self.span.low), self.span.high))

    def at(self, share: float) -> Number:
        """Returns the value at a share of the range, 0 to 1."""
        low, high = self.span.low, self.span.high
        value = low * (high / low) ** share if self.span.log else low + (high - low) * share
        return self.tidy(value)

    def edge(self, value: Number) -> str:
        """Returns "lower" or "upper" for a value at an end of the range, else ""."""
        ends = {self.at(0.0): "lower", self.at(1.0): "upper"}
        return ends.get(value, "")


def space_of(task: Task, given: Sequence[str]) -> tuple[Parameter, ...]:
    """Returns what is searched around a row: λ first, then settings with a declared range.

    `given` are texts such as "lambda=log:0.1:100" or "critic.temperature=log:0.3:3", which replace
    a declared range or add a setting. Raises UsageError for a key that does not exist, a range
    that is none, and where nothing is left to search.
    """
    numbers = _numbers(task)
    weight = critics.entry(task.critic).lambda_range
    spans: dict[str, Range] = {} if weight is None else {LAMBDA: weight}
    for kind, name in _components(task).items():
        for setting, span in KINDS[kind].ranges(name).items():
            spans[f"{kind}.{setting}"] = span
    for text in given:
        key, span = _assignment(text, numbers)
        spans[key] = span
    if not spans:
        raise UsageError(
            f"The critic '{task.critic}' has no λ to tune, and the remedy '{task.objective}' "
            "no setting with a range; name another critic, a remedy such as beta, or --space."
        )
    return tuple(_parameter(task, key, span, numbers) for key, span in spans.items())


def with_values(task: Task, values: Values) -> Task:
    """Returns a row with searched values in place of its own."""
    changes: dict[str, Any] = {}
    for key, value in values.items():
        kind, _, setting = key.rpartition(".")
        if not kind:
            changes["lambda_"] = float(value)
            continue
        held = changes.get(f"{kind}_settings", getattr(task, f"{kind}_settings"))
        changes[f"{kind}_settings"] = {**held, setting: value}
    return dataclasses.replace(task, **changes)


def value_of(row: Task | RunSpec, key: str) -> Setting:
    """Returns the value that a row or run has of a searched quantity."""
    kind, _, setting = key.rpartition(".")
    if not kind:
        return row.lambda_
    settings: Settings = getattr(row, f"{kind}_settings")
    return settings[setting] if setting in settings else _defaults(row, kind)[setting]


def first_points(space: Sequence[Parameter]) -> list[dict[str, Number]]:
    """Returns the first grid: points that span the first range, the other values at their start.

    Any first few of them span it as evenly as so many can. The last is where all are at their
    start: the row as its suite has it, unless that lies outside the ranges.
    """
    first, *others = space
    rest = {each.key: each.start for each in others}
    shares = [place / (POINTS - 1) for place in ORDER]
    points = [{first.key: first.at(share), **rest} for share in shares]
    points.append({first.key: first.start, **rest})
    return [point for place, point in enumerate(points) if point not in points[:place]]


def _components(task: Task | RunSpec) -> dict[str, str]:
    return {"critic": task.critic, "objective": task.objective}


def _defaults(task: Task | RunSpec, kind: str) -> Settings:
    return KINDS[kind].settings(_components(task)[kind])


def _numbers(task: Task) -> dict[str, Setting]:
    """Returns by key what a study could search: λ, where there is one, and numeric settings."""
    found: dict[str, Setting] = {} if task.critic == NO_CRITIC else {LAMBDA: task.lambda_}
    for kind in KINDS:
        for name, value in _defaults(task, kind).items():
            if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
                found[f"{kind}.{name}"] = value_of(task, f"{kind}.{name}")
    return found


def _assignment(text: str, numbers: Mapping[str, Setting]) -> tuple[str, Range]:
    """Returns the full key and the range of one --space."""
    given, _, span = (part.strip() for part in text.partition("="))
    matches = [key for key in numbers if given in (key, key.partition(".")[2])]
    parts = span.split(":")
    if not given or len(parts) != 3 or parts[0] not in ("log", "linear"):
        raise UsageError(
            f"--space is '{text}'; it must be KEY=log:LOW:HIGH or KEY=linear:LOW:HIGH."
        )
    if not matches:
        raise unknown("setting to search", given, numbers)
    if len(matches) > 1:
        raise UsageError(f"--space {given} is ambiguous: {', '.join(sorted(matches))}.")
    try:
        return matches[0], Range(float(parts[1]), float(parts[2]), log=parts[0] == "log")
    except (ValueError, UsageError) as error:
        raise UsageError(f"--space is '{text}': {error}.") from None


def _parameter(task: Task, key: str, span: Range, numbers: Mapping[str, Setting]) -> Parameter:
    kind, _, setting = key.rpartition(".")
    if not kind:
        if span.low < 0:
            raise UsageError(f"--space {key} starts at {span.low:g}; λ is 0 or above.")
        made = Parameter(key=key, span=span, start=0.0)
        return dataclasses.replace(made, start=made.tidy(task.lambda_))
    held = numbers[key]
    whole = isinstance(held, int)
    made = Parameter(key=key, span=span, start=0.0, is_whole=whole)
    ends = [made.at(0.0), made.at(1.0)]
    for end in ends:
        if not span.low <= end <= span.high:
            raise UsageError(f"--space {key}: there is no whole number from {span}.")
        KINDS[kind].fill(_components(task)[kind], {setting: end})
    start = ends[0] if held is None else float(str(held))
    return dataclasses.replace(made, start=min(max(made.tidy(start), ends[0]), ends[1]))
