"""Overrides: the settings that `run --set`, `--epochs` and `--precision` change."""

import dataclasses
import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast, get_type_hints

import pydantic

from fmnbench.board.relations import CHANGE
from fmnbench.errors import ComponentError, UsageError, unknown
from fmnbench.planning.suite_file import TRACK_FIELDS
from fmnbench.planning.values import parsed, text_of
from fmnbench.registry import Registry, architectures, critics, datasets, remedies
from fmnbench.spec import Setting, Settings, Task, Track

NOT_RECIPE = {"name", "dataset", "dataset_settings", "architecture", "architecture_settings"}
RECIPE = TRACK_FIELDS - NOT_RECIPE
STRICT = pydantic.ConfigDict(strict=True)  # 1 is a float, 1.0 and true are no integers


def with_overrides(
    rows: Sequence[Task], assignments: Sequence[str], recipe: Mapping[str, Setting]
) -> list[Task]:
    """Returns the rows with "key=value" texts and recipe fields applied, in the order of the keys.

    A critic's or objective's setting applies to the rows that have it. A changed track is a
    different table, so its name gets the change; a value that is in force already changes nothing.
    Raises UsageError for an unknown or ambiguous key, or a value of the wrong type.
    """
    overrides = {**dict(_assignment(text) for text in assignments), **recipe}
    for key, value in sorted(overrides.items()):
        names = [_full_name(row, key) for row in rows]
        if not any(names):
            raise unknown("setting", key, {name for row in rows for name in _settings(row)})
        rows = [
            _changed(row, name, value) if name else row
            for row, name in zip(rows, names, strict=True)
        ]
    return list(rows)


def _assignment(text: str) -> tuple[str, Setting]:
    key, equals, given = (part.strip() for part in text.partition("="))
    if not equals or not key:
        raise UsageError(f"--set takes key=value, not '{text}'.")
    value = parsed(given)
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, float) and not math.isfinite(number):
            raise UsageError(f"--set {key} is '{given}'; it must be finite.")
    return key, value


def _components(row: Task) -> Mapping[str, tuple[Registry[Any], str, Settings]]:
    """Returns by kind the components of a row: the register, the name and the given settings."""
    track = row.track
    return {
        "dataset": (datasets, track.dataset, track.dataset_settings),
        "architecture": (architectures, track.architecture, track.architecture_settings),
        "critic": (critics, row.critic, row.critic_settings),
        "objective": (remedies, row.objective, row.objective_settings),
    }


def _settings(row: Task) -> Mapping[str, Setting]:
    """Returns the settings of a row with their values, by field of the recipe or kind.setting."""
    values: dict[str, Setting] = {name: getattr(row.track, name) for name in RECIPE}
    for kind, (registry, name, given) in _components(row).items():
        try:
            settings = registry.fill(name, given)
        except ComponentError:
            continue  # the plan leaves its rows out and says why
        values |= {f"{kind}.{key}": value for key, value in settings.items()}
    return values


def _full_name(row: Task, key: str) -> str | None:
    """Returns the full name of the setting of a row that a key means, or None."""
    key = re.sub(r"^remedy\.", "objective.", key)  # as it is called in records
    matches = [name for name in _settings(row) if key in (name, name.partition(".")[2])]
    if len(matches) > 1:
        raise UsageError(f"--set {key} is ambiguous: {', '.join(sorted(matches))}.")
    return matches[0] if matches else None


def _changed(row: Task, name: str, value: Setting) -> Task:
    """Returns the row with one setting changed to a value, which takes the setting's type."""
    kind, _, setting = name.rpartition(".")
    if kind:
        registry, component, given = _components(row)[kind]
        try:
            typed = registry.fill(component, {setting: value})[setting]
        except UsageError as error:
            raise UsageError(f"Track '{row.track.name}': {error}") from None
        change: dict[str, Any] = {f"{kind}_settings": {**given, setting: typed}}
    else:
        typed = _field(name, value)
        change = {name: typed}
    if typed == _settings(row)[name]:
        return row
    if kind in ("critic", "objective"):
        return dataclasses.replace(row, **change)
    change["name"] = f"{row.track.name}{CHANGE}{setting}={text_of(typed)}"
    try:
        return dataclasses.replace(row, track=dataclasses.replace(row.track, **change))
    except ValueError as error:
        raise UsageError(f"{setting} is '{text_of(typed)}': {error}.") from None


def _field(name: str, value: Setting) -> Setting:
    """Returns the value of a recipe's field in the field's type."""
    try:
        return cast(Setting, _reader(name)(value))
    except pydantic.ValidationError as error:
        raise UsageError(f"{name} is '{text_of(value)}': {error.errors()[0]['msg']}.") from None


@functools.cache
def _reader(name: str) -> Callable[[object], object]:
    return pydantic.TypeAdapter(get_type_hints(Track)[name], config=STRICT).validate_python
