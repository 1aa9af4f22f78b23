"""Likelihoods of test rows: −log p(x) of each, in a file beside the record that names its hash."""

import hashlib
import math

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from fmnbench.errors import RecordError
from fmnbench.files import read_regular
from fmnbench.records.store import Store
from fmnbench.spec import Result, RowFile

NAME = "nll"  # of the tensor in the file
DIGITS = 1e-5  # relative: a mean of float32 values, summed in float64, is nearer


def packed(values: NDArray[np.float64]) -> tuple[RowFile, bytes] | None:
    """Returns the file of −log p(x) of each row as float32, and its name in the record.

    None where a value is not finite in float32, or there is none.
    """
    with np.errstate(over="ignore"):
        rows = values.astype("<f4")
    if not len(rows) or not np.isfinite(rows).all():
        return None
    data = save({NAME: rows})
    return RowFile(sha256=hashlib.sha256(data).hexdigest(), n=len(rows)), data


def likelihoods(store: Store, result: Result) -> NDArray[np.float32] | None:
    """Returns −log p(x) of each test row of a run, None where the store does not have them.

    Raises RecordError, in one line, where the file cannot be read or is not that of the record.
    """
    found = row_file(store, result)
    return None if found is None else found[1]


def row_file(store: Store, result: Result) -> tuple[bytes, NDArray[np.float32]] | None:
    """Returns the file of a run's test rows and what it holds; None and errors as above."""
    path = store.rows(result.spec.track.name, result.spec.key)
    if result.rows is None or not path.exists():
        return None
    try:
        data = read_regular(path)
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror}.") from None
    return data, unpacked(data, result, str(path))


def unpacked(data: bytes, result: Result, name: str) -> NDArray[np.float32]:
    """Returns the values in the file of a record's test rows.

    Raises RecordError, which starts with `name`, where they have another hash, number or mean
    than the record says, or one is not finite.
    """
    listed = result.rows
    assert listed is not None
    if hashlib.sha256(data).hexdigest() != listed.sha256:
        raise RecordError(f"{name}: its SHA-256 is not that of the record {result.spec.key}.")
    try:
        found = load(data)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:  # odd types, odd shapes
        reason = str(error).split("\n")[0]
        raise RecordError(f"{name}: it has no likelihoods of test rows: {reason}.") from None
    rows = found.get(NAME)
    if rows is None or len(found) != 1 or rows.dtype != np.float32 or rows.ndim != 1:
        raise RecordError(f"{name}: it has no likelihoods of test rows in float32.")
    if len(rows) != listed.n:
        raise RecordError(f"{name}: it has {len(rows):,} rows; the record has {listed.n:,}.")
    if not len(rows) or not np.isfinite(rows).all():
        raise RecordError(f"{name}: it has rows without a finite likelihood.")
    mean, recorded = float(rows.mean(dtype=np.float64)), result.metrics.get("nll", math.nan)
    if not abs(mean - recorded) <= DIGITS * float(np.abs(rows).max()):
        raise RecordError(
            f"{name}: its mean, {mean:.6g}, is not the record's NLL, {recorded:.6g}."
        )
    return rows
