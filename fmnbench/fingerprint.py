"""The identity of a dataset: committed statistics and hashes, checked when data arrive."""

import dataclasses
import functools
import hashlib
import json
from importlib import resources
from typing import Protocol, cast, runtime_checkable

import numpy as np

from fmnbench.errors import FmnbenchError, UsageError
from fmnbench.registry import datasets
from fmnbench.spec import Settings, canonical_json

SPLITS = ("train", "validation", "test")
TOLERANCE = 1e-9  # relative; another BLAS may move the last bits of generated data


@runtime_checkable
class Arrays(Protocol):
    """Three splits, each of which NumPy can read as an array."""

    @property
    def train(self) -> object:
        """Rows to train on."""
        ...

    @property
    def validation(self) -> object:
        """Rows to choose by."""
        ...

    @property
    def test(self) -> object:
        """Rows to report on."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Statistics:
    """What is known of a dataset at its default settings, kept in datasets/stats/<name>.json."""

    rows: dict[str, int]
    width: int
    mean: float
    variance: float
    sha256: str


def sha256(splits: Arrays) -> str:
    """Returns the SHA-256 over the bytes of train, validation and test, in this order."""
    total = hashlib.sha256()
    for name in SPLITS:
        total.update(np.ascontiguousarray(getattr(splits, name)).data)
    return total.hexdigest()


def measured(splits: Arrays) -> Statistics:
    """Returns the statistics of loaded splits; mean and variance over all values."""
    parts = [np.asarray(getattr(splits, name)) for name in SPLITS]
    everything = np.concatenate(parts)
    return Statistics(
        rows={name: len(part) for name, part in zip(SPLITS, parts, strict=True)},
        width=everything.shape[1],
        mean=float(everything.mean(dtype=np.float64)),
        variance=float(everything.var(dtype=np.float64)),
        sha256=sha256(splits),
    )


def declared(name: str) -> Statistics | None:
    """Returns the committed statistics of a dataset, or None where there are none."""
    file = resources.files("fmnbench") / "datasets" / "stats" / f"{name}.json"
    return Statistics(**json.loads(file.read_text())) if file.is_file() else None


def verify(name: str, settings: Settings, splits: Arrays) -> str:
    """Returns the SHA-256 of loaded splits after checking them against what is declared.

    Raises FmnbenchError where rows, mean or variance differ: then these are other data.
    """
    expected = _declared_for(name, settings)
    found = sha256(splits)
    if expected is None or found == expected.sha256:
        return found
    now = measured(splits)
    same = (now.rows, now.width) == (expected.rows, expected.width) and all(
        abs(value - truth) <= TOLERANCE * abs(truth)
        for value, truth in ((now.mean, expected.mean), (now.variance, expected.variance))
    )
    if not same:
        raise FmnbenchError(
            f"Dataset '{name}' is not the one that is declared: found {now}, expected {expected}."
        )
    return found


def fingerprint(name: str, settings: Settings) -> str:
    """Returns the SHA-256 that stands for a dataset in every key.

    At default settings it is the declared one, known without loading; else it is measured.
    """
    expected = _declared_for(name, settings)
    return expected.sha256 if expected else _measured(name, canonical_json(dict(settings)))


def _declared_for(name: str, settings: Settings) -> Statistics | None:
    return declared(name) if dict(settings) == datasets.settings(name) else None


@functools.cache
def _measured(name: str, settings: str) -> str:
    """Returns the SHA-256 of a dataset that must be loaded for it; UsageError if it cannot be."""
    given = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in json.loads(settings).items()
    }
    component = datasets.get(name)
    try:
        return sha256(cast("Loadable", component(**datasets.fill(name, given))).load())
    except FmnbenchError:
        raise
    except Exception as error:  # a dataset's file may raise anything
        raise UsageError(
            f"Dataset '{name}' does not load with {settings}: {type(error).__name__}: {error}"
        ) from error


@runtime_checkable
class Loadable(Protocol):
    """A dataset, as far as its identity is concerned."""

    def load(self) -> Arrays:
        """Returns the splits."""
        ...
