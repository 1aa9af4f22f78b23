"""Published values, which stand beside ours."""

import csv
import dataclasses
import io
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from typing import Any, Literal, get_args

from fmnbench.board.relations import SmallerCopy
from fmnbench.errors import RecordError
from fmnbench.files import benchmark_files

FILE = "published.csv"
StdKind = Literal["population", "sample", "unknown"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Published:
    """One cell of a published table, in the unit of the metric of that name.

    `runs` is the number of runs behind mean and std, `std_kind` the std that the source reports;
    `estimator` says what was measured, where the metric's name does not tell; `differs` how the
    published experiment differs from the track, "" where it is the same.
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
    """Returns the values of published.csv, by default the file of fmnbench, in file order.

    A missing or unknown column and a value that is not a number are a RecordError that names the
    line.
    """
    file = (folder if folder is not None else benchmark_files()) / FILE
    columns = [field.name.rstrip("_") for field in dataclasses.fields(Published)]
    columns.remove("differs")
    reader = csv.DictReader(io.StringIO(file.read_text(encoding="utf-8")), strict=True)
    if set(reader.fieldnames or ()) != set(columns):
        raise RecordError(f"{file}: its columns must be {', '.join(columns)}.")
    try:
        return [_value(row) for row in reader]
    except (ValueError, csv.Error) as error:
        raise RecordError(f"{file}, line {reader.line_num}: {error}.") from None


def with_copies(values: list[Published], copies: Mapping[str, SmallerCopy]) -> list[Published]:
    """Returns published values, followed by the same values on the smaller copies of tracks."""
    return values + [
        dataclasses.replace(value, track=name, differs=copy.differs)
        for name, copy in copies.items()
        for value in values
        if value.track == copy.track
    ]


def _value(row: dict[str, str]) -> Published:
    if None in row or None in row.values():  # how csv shows a field too many, or too few
        raise ValueError("it has a field too few or too many")
    kinds = get_args(StdKind)
    if row["std_kind"] not in kinds:
        raise ValueError(f"std_kind is '{row['std_kind']}', not one of {', '.join(kinds)}")
    fields: dict[str, Any] = dict(row)
    fields |= {"mean": float(row["mean"]), "std": float(row["std"]), "runs": int(row["runs"])}
    return Published(lambda_=float(fields.pop("lambda")), **fields)
