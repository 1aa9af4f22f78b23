"""What a dataset is: three disjoint splits of rows, named by a fingerprint."""

import dataclasses
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor


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
        batch = self.train.index_select(0, rows)
        return torch.bernoulli(batch, generator=generator) if self.rebinarise else batch

    def to(self, device: torch.device, dtype: torch.dtype) -> "Splits":
        """Returns the same splits on a device, in a floating-point type."""
        moved = {
            name: getattr(self, name).to(device=device, dtype=dtype)
            for name in ("train", "validation", "test")
        }
        return dataclasses.replace(self, **moved)


@runtime_checkable
class Dataset(Protocol):
    """A registered dataset; its settings are its keyword-only arguments."""

    def load(self) -> Splits:
        """Returns the splits; the same bytes every time."""
        ...
