"""Numbers that papers print, to stand beside ours."""

import csv
import dataclasses
import io
from collections.abc import Callable
from importlib.resources.abc import Traversable
from typing import Any, Literal, TypeVar, get_args

from fmnbench.errors import RecordError
from fmnbench.files import benchmark_files

StdKind = Literal["population", "sample", "unknown"]
T = TypeVar("T")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Published:
    """One cell of a published table, in the unit of the metric of that name.

    `runs` is how many mean and std are over, `std_kind` which std the source takes; `estimator`
    says what was measured, where that is not what the metric's name makes one think; `differs`
    how their experiment differs from the track, "" where it is the same.
    """

    track: str
    critic: str
    objective: str
    lambda_: float
    metric: str
    mean: float
    std: float
    runs: int
    std_kind: StdKind
    source: str
    table: str
    estimator: str
    differs: str = ""


def published(folder: Traversable | None = None) -> list[Published]:
    """Returns the published values, by default those that come with fmnbench, in file order.

    published.csv has them by the track that re-runs their experiment; published_smaller.csv names
    smaller tracks beside which the same values stand, with what differs there. A column that is
    missing or unknown, a value that is no number, or a track without values is a RecordError that
    names the line.
    """
    folder = folder if folder is not None else benchmark_files()
    names = [field.name.rstrip("_") for field in dataclasses.fields(Published)]
    names.remove("differs")
    values = _read(folder / "published.csv", names, _value)
    tracks = {value.track for value in values}

    def smaller(row: dict[str, str]) -> tuple[str, str, str]:
        if row["published_for"] not in tracks:
            raise ValueError(f"nothing is published for '{row['published_for']}'")
        return row["track"], row["published_for"], row["differs"]

    columns = ["track", "published_for", "differs"]
    return values + [
        dataclasses.replace(value, track=track, differs=differs)
        for track, whole, differs in _read(folder / "published_smaller.csv", columns, smaller)
        for value in values
        if value.track == whole
    ]


def _read(file: Traversable, columns: list[str], parse: Callable[[dict[str, str]], T]) -> list[T]:
    """Returns the parsed lines of a CSV file with exactly these columns."""
    reader = csv.DictReader(io.StringIO(file.read_text(encoding="utf-8")), strict=True)
    if set(reader.fieldnames or ()) != set(columns):
        raise RecordError(f"{file}: its columns must be {', '.join(columns)}.")
    try:
        return [parse(_whole(row)) for row in reader]
    except (ValueError, csv.Error) as error:
        raise RecordError(f"{file}, line {reader.line_num}: {error}.") from None


def _whole(row: dict[str, str]) -> dict[str, str]:
    """Returns a line as csv reads it, unless it has a field too few (None) or too many."""
    if None in row or None in row.values():
        raise ValueError("it has a field too few or too many")
    return row


def _value(row: dict[str, str]) -> Published:
    kinds = get_args(StdKind)
    if row["std_kind"] not in kinds:
        raise ValueError(f"std_kind is '{row['std_kind']}', not one of {', '.join(kinds)}")
    fields: dict[str, Any] = dict(row)
    fields |= {"mean": float(row["mean"]), "std": float(row["std"]), "runs": int(row["runs"])}
    return Published(lambda_=float(fields.pop("lambda")), **fields)
