"""Tracks, tasks, runs and results: frozen records of plain values, free of torch."""

import copy
import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

Setting = bool | int | float | str | None | tuple[int, ...] | tuple[float, ...] | tuple[str, ...]
Settings = Mapping[str, Setting]
Status = Literal["done", "failed", "diverged", "timeout", "out_of_memory", "skipped"]
TRAIN_PROCESSOR = "train.processor"  # in timings: seconds of all cores, of training on a CPU
Precision = Literal["float32", "float64", "bf16"]

SCHEMA = 1  # of the record file; raised when a field changes meaning
KEY_LENGTH = 16  # hex digits: 64 bits, no collision to fear below a billion runs


def canonical_json(value: object) -> str:
    """Returns the one JSON text of a value: keys sorted, no spaces, floats by repr, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def digest(value: object) -> str:
    """Returns the SHA-256 of a value's canonical JSON in hex."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


Value = TypeVar("Value")


def added(default: Value) -> Value:
    """The declaration of a field that came after the first records, with its default.

    Keys and record files hold such a field only where its value differs from the default. Hence
    old keys stay as they are, and old records, which lack the field, are read with the default.
    The declaration and the default are never changed afterwards.
    """
    marked: Any = dataclasses.field(
        default_factory=lambda: copy.copy(default), metadata={"added": True}
    )
    return marked  # type: ignore[no-any-return]  # dataclasses' own stub does the same


def aside(default: Value) -> Value:
    """The declaration of a field that moves no number: it is in no key, file or comparison."""
    marked: Any = dataclasses.field(default=default, compare=False)
    return marked  # type: ignore[no-any-return]  # dataclasses' own stub does the same


@functools.cache
def compared(kind: type) -> tuple[str, ...]:
    """Returns the names of a dataclass's fields, without those aside; none of another class."""
    if not dataclasses.is_dataclass(kind):
        return ()
    return tuple(field.name for field in dataclasses.fields(kind) if field.compare)


@functools.cache
def added_fields(kind: type) -> Mapping[str, object]:
    """Returns the fields of a dataclass that were added later, with their defaults."""
    return {
        field.name: field.default_factory()
        for field in dataclasses.fields(kind)
        if field.metadata.get("added") and callable(field.default_factory)
    }


def identity(value: object) -> Any:  # noqa: ANN401 - a dict of a record, else the value itself
    """Returns a record of this module as keys and files hold it: as nested dicts.

    Fields that were added later stand in it only where they are set, and those aside never;
    values that are no dataclasses are returned as they are.
    """
    kind: Any = type(value)
    if names := compared(kind):
        later = added_fields(kind)
        if isinstance(value, Track):
            later = {**later, **value.meaning_of_absence}
        return {
            name: identity(each)
            for name in names
            if later.get(name, ...) != (each := getattr(value, name))
        }
    if isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
        return tuple(map(identity, value))
    return value


@dataclasses.dataclass(frozen=True, kw_only=True)
class Track:
    """What is held fixed while methods are compared: data, architecture, recipe. One table.

    `nll_samples` is the K of the importance-weighted likelihood. Validation happens every
    `validate_every` epochs; training stops after `patience` validations without a better bound
    (reconstruction + KL at β = 1), or without a lower loss, λ · critic included, where
    `patience_watches` the loss, as the project report does.
    With a `plateau`, so many validations with a worse bound, after the first `plateau_from`
    epochs, halve the learning rate and restore the best weights; after `halvings` of them training
    stops, and the best weights are evaluated (He et al. 2019). With a `length_pool` batches are
    of texts of like length, out of so many random batches at a time. `report_metrics`: whether the
    project report's own metrics (`report.*`) are computed as well; on texts they take as long as
    the likelihood.
    """

    name: str
    dataset: str
    dataset_settings: Settings = dataclasses.field(default_factory=dict)
    architecture: str
    architecture_settings: Settings = dataclasses.field(default_factory=dict)
    epochs: int
    batch_size: int
    optimizer: Literal["adam", "adamw", "sgd"] = "adamw"
    learning_rate: float
    weight_decay: float = 0.0
    gradient_clip: float | None = None  # largest gradient norm; None for no clipping
    precision: Precision = "float32"
    validate_every: int = 1
    patience: int | None = None
    nll_samples: int = 500
    plateau: int | None = added(None)
    plateau_from: int = added(0)
    halvings: int = added(5)
    length_pool: int | None = added(None)
    patience_watches: Literal["bound", "loss"] = added("bound")
    report_metrics: bool = aside(False)

    def __post_init__(self) -> None:
        for name in POSITIVE:
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} of track '{self.name}' is {value}; it must be above 0")

    @property
    def identity(self) -> dict[str, object]:
        """The fields that keys and files hold; those added later only where they are set."""
        fields: dict[str, object] = identity(self)
        return fields

    @property
    def meaning_of_absence(self) -> dict[str, object]:
        """What a key or file without a field means, where that is not the field's default.

        A `patience` watched the loss before there was a choice.
        """
        return {"patience_watches": "loss"} if self.patience is not None else {}


POSITIVE = (  # fields that are above 0, where they are set
    "epochs",
    "batch_size",
    "learning_rate",
    "gradient_clip",
    "validate_every",
    "patience",
    "nll_samples",
    "plateau",
    "halvings",
    "length_pool",
)


ROW = ("critic", "critic_settings", "objective", "objective_settings", "lambda_")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """One row of a table: a track with a critic, an objective, their settings and λ."""

    track: Track
    critic: str
    critic_settings: Settings = dataclasses.field(default_factory=dict)
    objective: str = "elbo"
    objective_settings: Settings = dataclasses.field(default_factory=dict)
    lambda_: float = 0.0

    @property
    def row(self) -> str:
        """The row's identity within its track, as canonical JSON.

        The first fields by position; those added later by name, where they are set.
        """
        fields = identity(self)
        del fields["track"]
        first = [fields.pop(name) for name in ROW]
        return canonical_json([*first, *([fields] if fields else [])])


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSpec:
    """A task with one seed, every default filled in: all that determines a run's numbers.

    `dataset_fingerprint` names the exact data; `versions` those of the components, of training
    and of the metrics. A trial of tuning is `judged` on the validation split and has no test rows.
    Device, threads and executor are not part of it.
    """

    track: Track
    critic: str
    critic_settings: Settings
    objective: str
    objective_settings: Settings
    lambda_: float
    seed: int
    dataset_fingerprint: str
    versions: Mapping[str, str]
    judged: Literal["test", "validation"] = added("test")

    @property
    def task(self) -> Task:
        """The row that this run belongs to."""
        names = [field.name for field in dataclasses.fields(Task)]
        return Task(**{name: getattr(self, name) for name in names})

    @property
    def key(self) -> str:
        """The first 16 hex digits of the SHA-256 of the spec's canonical JSON."""
        return digest(identity(self))[:KEY_LENGTH]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Provenance:
    """How a number was made; host-free, so that records can be published.

    `started` is UTC in ISO 8601; `seconds` is wall time over all attempts of the run; `resumed`
    counts how often it was cut off and taken up again.
    """

    fmnbench: str
    git_commit: str | None
    git_dirty: bool | None
    python: str
    torch: str
    device: str
    device_name: str
    threads: int
    dataset_sha256: str
    started: str
    seconds: float
    resumed: int = 0
    plugins: Mapping[str, str] = dataclasses.field(default_factory=dict)  # file -> sha256


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attempt:
    """An earlier try at a run that was replaced by a retry."""

    status: Status
    error: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class RowFile:
    """The file of a run's −log p(x) of each of its n test rows, by its SHA-256 in hex."""

    sha256: str
    n: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """What became of a run: one record.

    `metrics` are values by the names of registered metrics; `curve` has one entry per epoch;
    `timings` are seconds by phase, and TRAIN_PROCESSOR those of all cores in training on a CPU.
    `error` is set unless status is done. `broken` has the cause for each metric that raised an
    error or was not finite, and for each such value of the curve. `metric_versions` names the
    definition of each metric that was computed or declined; a declined one has neither a value
    nor a cause.
    Records from before these were kept have none (`records.definitions`). The likelihoods of
    test rows lie in the file `rows`, None where they were not kept.
    """

    spec: RunSpec
    status: Status
    metrics: Mapping[str, float] = dataclasses.field(default_factory=dict)
    curve: tuple[Mapping[str, float], ...] = ()
    error: str | None = None
    timings: Mapping[str, float] = dataclasses.field(default_factory=dict)
    provenance: Provenance
    history: tuple[Attempt, ...] = ()
    schema: int = SCHEMA
    broken: Mapping[str, str] = added({})
    metric_versions: Mapping[str, str] = added({})
    rows: RowFile | None = added(None)  # noqa: RUF009 - ruff does not know it as frozen

    @property
    def numbers(self) -> str:
        """A digest of all that must repeat bit for bit: spec, status, metrics and curve."""
        fields = identity(self)
        return digest([fields[name] for name in ("spec", "status", "metrics", "curve")])
