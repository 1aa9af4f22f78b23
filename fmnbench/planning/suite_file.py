"""Suite files: TOML that becomes a Suite, or one line that says what is wrong in it."""

import dataclasses
import functools
import math
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import pydantic

from fmnbench.board.published import published
from fmnbench.board.relations import SmallerCopy, Superseded, Tuned
from fmnbench.board.verdicts import MARGINS
from fmnbench.errors import UsageError, unknown
from fmnbench.files import benchmark_files
from fmnbench.planning.suite import NO_CRITIC, Comparison, LatentFree, Rows, Suite
from fmnbench.planning.values import positive_zero
from fmnbench.registry import architectures, critics, datasets, remedies
from fmnbench.spec import POSITIVE, Track

TRACK_FIELDS = frozenset(field.name for field in dataclasses.fields(Track))
NUMBERS = {*POSITIVE, "weight_decay", "plateau_from", "lambda"}  # true is no number
COMPARISON_FIELDS = frozenset(field.name for field in dataclasses.fields(Comparison))
COMPARISON_FIELDS -= {"track", "lambdas"}  # a file has the track's fields, and "lambda"
ROWS_FIELDS = {field.name for field in dataclasses.fields(Rows)} - {"lambdas"} | {"lambda"}
ALIASES = {"report": "asokan"}  # former names of suites
RELATED = {
    "latent_free": LatentFree,
    "smaller_copy_of": SmallerCopy,
    "superseded": Superseded,
    "tuned": Tuned,
}


def suite_names() -> list[str]:
    """Returns the names of the suites that come with fmnbench."""
    return sorted(
        file.name.removesuffix(".toml")
        for file in benchmark_files().iterdir()
        if file.name.endswith(".toml")
    )


def load_suite(name: str, *, for_runs: bool = True) -> Suite:
    """Returns a suite by its name, a former one included, or from a path that ends in .toml.

    Only runs need the components that it names; without `for_runs` their names are not checked.
    A mistake is a UsageError with the file, the key and the nearest guess.
    """
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise UsageError(f"There is no suite file '{name}'.")
        return _parse(path.stem, path.name, path.read_bytes(), for_runs=for_runs)
    name = ALIASES.get(name, name)
    if name not in suite_names():
        raise unknown("suite", name, suite_names())
    file = benchmark_files() / f"{name}.toml"
    return _parse(name, file.name, file.read_bytes(), for_runs=for_runs)


def all_suites(*, for_runs: bool = True) -> list[Suite]:
    """Returns the suites that come with fmnbench, sorted by name; `for_runs` as above."""
    return [load_suite(name, for_runs=for_runs) for name in suite_names()]


def _parse(name: str, file: str, content: bytes, *, for_runs: bool) -> Suite:
    try:
        table = positive_zero(tomllib.loads(content.decode()))
    except (ValueError, RecursionError) as error:  # also a number of thousands of digits
        raise UsageError(f"{file} is not valid TOML: {error}") from None
    wanted = {"title": str, "citation": str, "tracks": list}
    _require_keys(table, wanted.keys(), file)
    for key, kind in wanted.items():
        if not table.get(key):
            raise UsageError(f"{file} has no '{key}'.")
        if not isinstance(table[key], kind):
            shape = "a list of tables, [[tracks]]" if kind is list else "a text"
            raise UsageError(f"{file}: {key} must be {shape}.")
    comparisons = tuple(_comparison(entry, file, for_runs=for_runs) for entry in table["tracks"])
    _require_related(comparisons, file)
    return Suite(
        name=name, title=table["title"], citation=table["citation"], comparisons=comparisons
    )


def _comparison(entry: object, file: str, *, for_runs: bool) -> Comparison:
    if not isinstance(entry, dict):
        raise UsageError(f"{file}: tracks must be a list of tables, [[tracks]].")
    where = f"track '{entry.get('name', '?')}' of {file}"
    _require_keys(entry, TRACK_FIELDS | COMPARISON_FIELDS | {"lambda"}, where)
    for name, kind in RELATED.items():
        if isinstance(entry.get(name), dict):
            allowed = [field.name for field in dataclasses.fields(kind)]
            _require_keys(entry[name], allowed, f"{where}: {name}")
    _require_finite(entry, where)
    for key in NUMBERS & entry.keys():
        if isinstance(entry[key], bool):
            raise UsageError(f"{where}: {key} must be a number, not {str(entry[key]).lower()}.")
    weights = entry.get("lambda", [])
    fields: dict[str, object] = {
        "track": {key: value for key, value in entry.items() if key in TRACK_FIELDS},
        "lambdas": weights if isinstance(weights, list) else [weights],
    } | {key: value for key, value in entry.items() if key in COMPARISON_FIELDS}
    fields["rows"] = [_rows(each, where) for each in _listed(entry, where)]
    try:
        comparison = _reader()(fields)
    except pydantic.ValidationError as error:
        raise UsageError(f"{where}: {_complaint(error)}") from None
    try:
        _require_weights(comparison)
        if for_runs:
            _require_components(comparison)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    return comparison


@functools.cache
def _reader() -> Callable[..., Comparison]:
    return pydantic.TypeAdapter(Comparison).validate_python  # 30 ms: only once, not for each track


def _listed(entry: Mapping[str, object], where: str) -> list[dict[str, object]]:
    """Returns the tables of a track's `rows`."""
    found = entry.get("rows", [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise UsageError(f"{where}: rows must be a list of tables.")
    return found


def _rows(table: Mapping[str, object], where: str) -> dict[str, object]:
    """Returns a table of `rows` with its λ, one or several, under the name that Rows has."""
    _require_keys(table, ROWS_FIELDS, f"{where}: rows")
    fields = {key: value for key, value in table.items() if key != "lambda"}
    weights = table.get("lambda", [])
    return {**fields, "lambdas": weights if isinstance(weights, list) else [weights]}


def _complaint(error: pydantic.ValidationError) -> str:
    """Returns the first mistake, with its key and what was given."""
    first = error.errors()[0]
    place = [str(part) for part in first["loc"][first["loc"][:1] == ("track",) :]]
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


def _require_weights(comparison: Comparison) -> None:
    """Raises UsageError for a λ or a margin that is missing or negative, and for no methods."""
    if not comparison.critics or not comparison.objectives:
        raise UsageError("critics and remedies must name at least one each.")
    own = [rows for rows in comparison.rows if rows.critic != NO_CRITIC and not rows.lambdas]
    if not comparison.lambdas and (own or comparison.critics != (NO_CRITIC,)):
        raise UsageError("it has critics but no 'lambda', their weight.")
    for weight in [*comparison.lambdas, *(w for rows in comparison.rows for w in rows.lambdas)]:
        if weight < 0:
            raise UsageError(f"lambda is {weight:g}; it must be 0 or above.")
    if comparison.tolerance is not None and comparison.tolerance < 0:
        raise UsageError(f"tolerance is {comparison.tolerance:g}; it must be 0 or above.")
    for metric, margin in comparison.margins.items():
        if metric not in MARGINS:
            raise unknown("metric with a margin", metric, MARGINS)
        if margin < 0:
            raise UsageError(f"the margin of {metric} is {margin:g}; it must be 0 or above.")


def _require_components(comparison: Comparison) -> None:
    """Raises UsageError for the name of a component that is not registered."""
    track, rows = comparison.track, comparison.rows
    free = () if comparison.latent_free is None else (comparison.latent_free.architecture,)
    named_critics = () if comparison.critics == "all" else comparison.critics
    for registry, names in (
        (datasets, (track.dataset,)),
        (architectures, (track.architecture, *free)),
        (critics, (*named_critics, *comparison.critic_settings, *(r.critic for r in rows))),
        (
            remedies,
            (*comparison.objectives, *comparison.objective_settings, *(r.remedy for r in rows)),
        ),
    ):
        for name in names:
            registry.entry(name)


def _require_related(comparisons: Sequence[Comparison], file: str) -> None:
    """Raises UsageError for two tracks of one name, and for a related track that is unknown."""
    names = [each.track.name for each in comparisons]
    run = [each for each in comparisons if not each.superseded]  # others may share a reference
    every = names + [each.reference.name for each in run if each.reference]
    if len(set(every)) < len(every):
        raise UsageError(f"{file} names a track twice: {', '.join(every)}.")
    for each in comparisons:
        where = f"track '{each.track.name}' of {file}"
        if each.judge is not None and each.judge not in names:
            raise UsageError(f"{where}: judge: {unknown('track', each.judge, names)}")
        if each.superseded is not None and each.superseded.by not in names:
            message = unknown("track", each.superseded.by, names)
            raise UsageError(f"{where}: superseded: {message}")
        copied = each.smaller_copy_of
        if copied is not None and copied.track not in names:
            known = {*names, *(value.track for value in published())}
            if copied.track not in known:
                message = unknown("track", copied.track, known)
                raise UsageError(f"{where}: smaller_copy_of: {message}")


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
