"""`fmnbench.load`: the records of a store as pandas frames."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fmnbench.errors import RecordError, UsageError
from fmnbench.records.rows import likelihoods
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


class Rows(Mapping[str, NDArray[np.float32]]):
    """Likelihoods of test rows by the key of a record.

    A value is read from its file, and checked, each time; RecordError where it is not the file
    that the record names.
    """

    def __init__(self, store: Store, results: Iterable[Result]) -> None:
        self._store = store
        self._results = {
            result.spec.key: result
            for result in results
            if result.rows and store.rows(result.spec.track.name, result.spec.key).exists()
        }

    def __getitem__(self, key: str) -> NDArray[np.float32]:
        found = likelihoods(self._store, self._results[key])
        if found is None:  # it was there when the store was opened
            raise KeyError(key)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._results)

    def __len__(self) -> int:
        return len(self._results)


class Records(NamedTuple):
    """A store's records as tables.

    `runs` has a row for each record, sorted by track and key, with the columns RUN_COLUMNS and
    then one for each metric by its name, NaN where a record lacks it; `seconds` is wall time.
    `curves` has a row for each epoch: `key`, `epoch`, and a column for each value of the curve.
    `errors` are those of records that cannot be read, and of entries of a curve that do not say
    their epoch, which are left out. `rows` has −log p(x) of each test row, in nats, by the key of
    a record, for those runs that kept it; a file is read when asked for.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame
    errors: tuple[RecordError, ...]
    rows: Rows


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
    curves = pd.DataFrame(epochs, columns=columns)
    return Records(runs, curves, tuple(errors), Rows(Store(folder), results))


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
