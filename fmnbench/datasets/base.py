"""What a dataset is: three disjoint splits of rows, named by a fingerprint."""

import dataclasses
import hashlib
import json
from importlib import resources
from typing import Literal, Protocol

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from fmnbench.errors import FmnbenchError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Splits:
    """The rows of a dataset as tensors of (rows, values); images are flattened row by row.

    With `rebinarise` the training rows are grey values in [0, 1] that become bits anew each
    time they are visited; validation and test rows are bits already.
    """

    train: Float[Tensor, "n x"]
    validation: Float[Tensor, "m x"]
    test: Float[Tensor, "t x"]
    kind: Literal["vectors", "images"]
    image_shape: tuple[int, int] | None = None  # height, width
    rebinarise: bool = False

    @property
    def width(self) -> int:
        """Values per row."""
        return self.train.shape[1]

    def visit(self, rows: Int[Tensor, " b"], generator: Generator) -> Float[Tensor, "b x"]:
        """Returns a batch of training rows as a model sees them."""
        batch = self.train[rows]
        return torch.bernoulli(batch, generator=generator) if self.rebinarise else batch

    def to(self, device: torch.device, dtype: torch.dtype) -> "Splits":
        """Returns the same splits on a device, in a floating-point type."""
        moved = {
            name: getattr(self, name).to(device=device, dtype=dtype)
            for name in ("train", "validation", "test")
        }
        return dataclasses.replace(self, **moved)


class Dataset(Protocol):
    """A registered dataset; its settings are its keyword-only arguments."""

    def load(self) -> Splits:
        """Returns the splits; the same bytes every time."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Statistics:
    """What is known of a dataset with its default settings, kept in stats/<name>.json."""

    rows: dict[str, int]
    mean: float
    variance: float
    sha256: str


STATISTICS_TOLERANCE = 1e-9  # relative; another BLAS may move the last bits of generated data


def sha256(splits: Splits) -> str:
    """Returns the SHA-256 over the bytes of train, validation and test, in this order."""
    total = hashlib.sha256()
    for rows in (splits.train, splits.validation, splits.test):
        total.update(rows.contiguous().numpy().tobytes())
    return total.hexdigest()


def measured(splits: Splits) -> Statistics:
    """Returns the statistics of loaded splits."""
    rows = {name: len(getattr(splits, name)) for name in ("train", "validation", "test")}
    everything = torch.cat([splits.train, splits.validation, splits.test]).double()
    return Statistics(
        rows=rows,
        mean=everything.mean().item(),
        variance=everything.var(correction=0).item(),
        sha256=sha256(splits),
    )


def declared(name: str) -> Statistics | None:
    """Returns the committed statistics of a dataset, or None where there are none."""
    file = resources.files("fmnbench.datasets") / "stats" / f"{name}.json"
    return Statistics(**json.loads(file.read_text())) if file.is_file() else None


def verify(name: str, splits: Splits) -> str:
    """Returns the SHA-256 of splits after checking them against the committed statistics.

    Raises FmnbenchError where rows, mean or variance differ: then it is other data.
    """
    found, expected = measured(splits), declared(name)
    if expected is None or found.sha256 == expected.sha256:
        return found.sha256
    for field in ("mean", "variance"):
        value, truth = getattr(found, field), getattr(expected, field)
        if found.rows != expected.rows or abs(value - truth) > STATISTICS_TOLERANCE * abs(truth):
            raise FmnbenchError(
                f"Dataset '{name}' is not the one that records were made from: {field} is {value} "
                f"in rows {found.rows}, expected {truth} in {expected.rows}."
            )
    return found.sha256
