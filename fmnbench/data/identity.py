"""The identity of a dataset: its statistics and hash, declared, recorded and checked."""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from typing import Protocol, cast, runtime_checkable

import numpy as np

from fmnbench.data.cache import SPLITS, manifest
from fmnbench.data.dataset import CachedDataset
from fmnbench.data.tokens import unpadded
from fmnbench.data.vocabulary import Vocabulary, text_statistics
from fmnbench.errors import DataError, FmnbenchError, UsageError
from fmnbench.registry import datasets
from fmnbench.spec import Setting, Settings, canonical_json

TOLERANCE = 1e-9  # relative; another BLAS may move the last bits of generated data
NOT_INSTALLED = "not installed"  # in place of a fingerprint that is not declared either


@runtime_checkable
class Arrays(Protocol):
    """Three splits, each of which NumPy can read as an array of (rows, values)."""

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

    @property
    def vocabulary(self) -> Vocabulary | None:
        """The words of texts, whose rows are ids."""
        ...


@runtime_checkable
class Loadable(Protocol):
    """A dataset, as far as its identity is concerned."""

    def load(self) -> Arrays:
        """Returns the splits."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Statistics:
    """What is known of a dataset at its default settings; None for what is not.

    `form` is the published form, where there are several. Mean and variance are over all values of
    vectors and images; `words` is the mean number of words a document by split, <s> and </s> not
    counted; `unknown` is the share of words by split that are not in the vocabulary. Declared
    statistics are in datasets/stats/<name>.json.
    """

    form: str | None = None
    rows: Mapping[str, int] | None = None
    width: int | None = None
    mean: float | None = None
    variance: float | None = None
    vocabulary: int | None = None
    words: Mapping[str, float] | None = None
    unknown: Mapping[str, float] | None = None
    sha256: str | None = None


def sha256(splits: Arrays) -> str:
    """Returns the SHA-256 over the bytes of train, validation and test, in this order.

    The words that ids stand for come last.
    """
    total = hashlib.sha256()
    for name in SPLITS:
        total.update(np.ascontiguousarray(getattr(splits, name)).data)
    if splits.vocabulary is not None:
        total.update("\n".join(splits.vocabulary.words).encode())
    return total.hexdigest()


def measured(splits: Arrays) -> Statistics:
    """Returns the statistics of loaded splits."""
    parts = {name: np.asarray(getattr(splits, name)) for name in SPLITS}
    shared = Statistics(
        rows={name: len(part) for name, part in parts.items()},
        width=parts["train"].shape[1],
        sha256=sha256(splits),
    )
    if splits.vocabulary is not None:
        texts = {name: text_statistics(unpadded(part)) for name, part in parts.items()}
        return dataclasses.replace(
            shared,
            vocabulary=len(splits.vocabulary),
            words={name: each.words for name, each in texts.items()},
            unknown={name: each.unknown_share for name, each in texts.items()},
        )
    everything = np.concatenate(list(parts.values()))
    return dataclasses.replace(
        shared,
        mean=float(everything.mean(dtype=np.float64)),
        variance=float(everything.var(dtype=np.float64)),
    )


def declared(name: str) -> Statistics | None:
    """Returns the committed statistics of a dataset, or None where there are none."""
    file = resources.files("fmnbench") / "datasets" / "stats" / f"{name}.json"
    return Statistics(**json.loads(file.read_text())) if file.is_file() else None


def difference(found: Statistics, expected: Statistics, *, exact: bool) -> str:
    """Returns in what statistics differ from those expected, "" where they do not.

    What is not expected may be anything. Unless `exact`, the hash may differ where mean and
    variance do not: the last bits of generated data depend on the machine.
    """
    if found.sha256 == expected.sha256:
        return ""
    for field in dataclasses.fields(Statistics):
        truth, value = getattr(expected, field.name), getattr(found, field.name)
        if truth is None or (field.name == "sha256" and not exact):
            continue
        if not _agrees(value, truth):
            return f"{field.name} is {_shown(value)}, expected {_shown(truth)}"
    return ""


def verify(name: str, settings: Settings, splits: Arrays, planned: str) -> str:
    """Returns the SHA-256 of loaded splits after checking them against what is known.

    Data of the cache must have the fingerprint that the run was planned with, others be as
    declared. Raises FmnbenchError where they differ: then these are other data.
    """
    found, cached = sha256(splits), _cached(name, settings)
    if cached is not None:
        if found != planned:
            raise DataError(
                f"The data of '{cached.cache_name}' have changed; see: fmnbench data verify "
                f"{cached.cache_name}"
            )
        return found
    expected = _declared_for(name, settings)
    if expected is not None and found != expected.sha256:
        reason = difference(measured(splits), expected, exact=False)
        if reason:
            raise FmnbenchError(f"Dataset '{name}' is not the one that is declared: {reason}.")
    return found


def fingerprint(name: str, settings: Settings) -> str:
    """Returns the SHA-256 that stands for a dataset in every key.

    Where it is recorded or declared for these settings it is known without loading; else it is
    measured. Data that are not installed have the declared one, or NOT_INSTALLED.
    """
    cached = _cached(name, settings)
    known = manifest(cached.cache_name) if cached is not None else None
    if known is not None and _filled(name, known.settings) == _filled(name, settings):
        return known.sha256
    if known is None:
        expected = _declared_for(name, settings)
        if expected is not None and expected.sha256 is not None:
            return expected.sha256
        if cached is not None:
            return NOT_INSTALLED
    data = known.sha256 if known is not None else ""
    return _measured(name, canonical_json(dict(settings)), data)


def missing(name: str, settings: Settings) -> str:
    """Returns how to install the data of a dataset, "" where nothing is missing."""
    cached = _cached(name, settings)
    return "" if cached is None else cached.missing()


def _declared_for(name: str, settings: Settings) -> Statistics | None:
    """Returns what is declared of a dataset, None at other settings than the default ones."""
    default = datasets.settings(name)
    return declared(name) if _filled(name, settings) == default else None


def _filled(name: str, settings: Settings) -> Settings:
    """Returns settings, with defaults for those that are newer than a key or a manifest."""
    return {**datasets.settings(name), **settings}


def _cached(name: str, settings: Settings) -> CachedDataset | None:
    """Returns a dataset whose data belong in the cache, None for one that makes its own rows."""
    made = _made(name, settings)
    return made if isinstance(made, CachedDataset) else None


def _made(name: str, settings: Settings) -> object:
    component = datasets.get(name)
    try:
        return component(**datasets.fill(name, settings))
    except FmnbenchError:
        raise
    except Exception as error:  # a dataset's file may raise anything
        raise _no_dataset(name, canonical_json(dict(settings)), error) from error


@functools.cache
def _measured(name: str, settings: str, data: str) -> str:  # noqa: ARG001, RUF100 - `data` is for the cache
    """Returns the SHA-256 of a dataset that must be loaded for it; UsageError if it cannot be.

    It is computed once for the same `data`, which is the fingerprint of the data in the cache.
    """
    given: dict[str, Setting] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in json.loads(settings).items()
    }
    made = _made(name, given)
    try:
        return sha256(cast(Loadable, made).load())
    except FmnbenchError:
        raise
    except Exception as error:  # a dataset's file may raise anything
        raise _no_dataset(name, settings, error) from error


def _no_dataset(name: str, settings: str, error: Exception) -> UsageError:
    reason = f"{type(error).__name__}: {error}"
    return UsageError(f"Dataset '{name}' does not load with {settings}: {reason}")


def _agrees(value: object, truth: object) -> bool:
    if isinstance(truth, Mapping):
        theirs = cast(Mapping[str, object], value or {})
        return all(_agrees(theirs.get(key), each) for key, each in truth.items())
    if isinstance(truth, float):
        return isinstance(value, float) and abs(value - truth) <= TOLERANCE * abs(truth)
    return value == truth


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_shown(each)}" for key, each in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)
