"""`fmnbench.load`: the records of a store as pandas frames."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from fmnbench.errors import RecordError, UsageError
from fmnbench.records.store import Store
from fmnbench.spec import Result

STORE = Path("leaderboards/results")
RUN_COLUMNS = (
    "key",
    "track",
    "dataset",
    "architecture",
    "critic",
    "objective",
    "lambda",
    "seed",
    "status",
    "error",
    "seconds",
    "device",
    "device_name",
)


class Records(NamedTuple):
    """A store's records as tables.

    `runs` has a row for each record, sorted by track and key, with the columns RUN_COLUMNS and
    then one for each metric by its name, NaN where a record lacks it; `seconds` is wall time.
    `curves` has a row for each epoch: `key`, `epoch`, and a column for each value of the curve.
    `errors` are those of records that cannot be read, and of entries of a curve that do not say
    their epoch, which are left out.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame
    errors: tuple[RecordError, ...]


def load(store: str | Path = STORE) -> Records:
    """Returns the records of a store, their curves, and an error for each unreadable record.

    Raises UsageError where there is no such folder.
    """
    folder = Path(store)
    if not folder.is_dir():
        raise UsageError(f"There is no store at '{store}'; `fmnbench run` makes one.")
    results, errors = Store(folder).results()
    metrics = sorted({name for result in results for name in result.metrics})
    runs = pd.DataFrame([_row(result) for result in results], columns=[*RUN_COLUMNS, *metrics])
    epochs = [
        {**entry, "key": result.spec.key, "epoch": int(entry["epoch"])}
        for result in results
        for entry in result.curve
        if "epoch" in entry
    ]
    errors += [
        RecordError(f"{result.spec.track.name}/{result.spec.key}: {unnamed} of its curve")
        for result in results
        if (unnamed := _without_epoch(result))
    ]
    names = dict.fromkeys(name for entry in epochs for name in entry)
    columns = ["key", "epoch", *(name for name in names if name not in ("key", "epoch"))]
    return Records(runs, pd.DataFrame(epochs, columns=columns), tuple(errors))


def _without_epoch(result: Result) -> str:
    """Returns which entries of a curve have no epoch, in words; empty for none."""
    places = [n for n, entry in enumerate(result.curve, start=1) if "epoch" not in entry]
    return f"there is no epoch in entry {', '.join(map(str, places))}" if places else ""


def _row(result: Result) -> dict[str, object]:
    spec, made = result.spec, result.provenance
    values: tuple[object, ...] = (
        spec.key,
        spec.track.name,
        spec.track.dataset,
        spec.track.architecture,
        spec.critic,
        spec.objective,
        spec.lambda_,
        spec.seed,
        result.status,
        result.error,
        made.seconds,
        made.device,
        made.device_name,
    )
    return {**dict(zip(RUN_COLUMNS, values, strict=True)), **result.metrics}
