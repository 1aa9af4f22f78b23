"""Numbers that papers print, to stand beside ours."""

import csv
import dataclasses
import io
from importlib.resources.abc import Traversable
from typing import Any, Literal, get_args

from fmnbench.errors import RecordError
from fmnbench.shipped import benchmark_files

StdKind = Literal["population", "sample", "unknown"]


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


def published(file: Traversable | None = None) -> list[Published]:
    """Returns the published values, by default those that come with fmnbench, in file order.

    A column that is missing or unknown, or a value that is no number, is a RecordError that names
    the line.
    """
    file = file if file is not None else benchmark_files() / "published.csv"
    names = [field.name.rstrip("_") for field in dataclasses.fields(Published)]
    reader = csv.DictReader(io.StringIO(file.read_text(encoding="utf-8")), strict=True)
    if set(reader.fieldnames or ()) != set(names):
        raise RecordError(f"{file}: its columns must be {', '.join(names)}.")
    try:
        return [_value(row) for row in reader]
    except (ValueError, TypeError, csv.Error) as error:  # no number; a field too few or too many
        raise RecordError(f"{file}, line {reader.line_num}: {error}.") from None


def _value(row: dict[str, str]) -> Published:
    kinds = get_args(StdKind)
    if row["std_kind"] not in kinds:
        raise ValueError(f"std_kind is '{row['std_kind']}', not one of {', '.join(kinds)}")
    fields: dict[str, Any] = dict(row)
    fields |= {"mean": float(row["mean"]), "std": float(row["std"]), "runs": int(row["runs"])}
    return Published(lambda_=float(fields.pop("lambda")), **fields)
