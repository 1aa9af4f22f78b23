"""The rows of a dataset as tensors, in three splits."""

import copy
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from jaxtyping import Int, Num
from torch import Generator, Tensor

from fmnbench.data.cache import SPLITS
from fmnbench.data.tokens import padded
from fmnbench.data.vocabulary import Ragged, Vocabulary
from fmnbench.errors import DataError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Splits:
    """The rows of a dataset as tensors of (rows, values); a split without rows is a DataError.

    Images are flattened row by row. Texts are ids of words, int32, from <s> to </s>; further </s>
    make rows equally long and count for nothing. With `rebinarise` the training rows are grey
    values in [0, 1] that become bits anew each time they are visited; validation and test rows
    are bits already. `derived` is the folder for what is computed once from exactly these rows,
    where the dataset is in the cache.
    """

    train: Num[Tensor, "n x"]
    validation: Num[Tensor, "m x"]
    test: Num[Tensor, "t x"]
    kind: Literal["vectors", "images", "texts"]
    image_shape: tuple[int, int] | None = None  # height, width
    rebinarise: bool = False
    vocabulary: Vocabulary | None = None
    derived: Path | None = None

    def __post_init__(self) -> None:
        sizes = {name: len(getattr(self, name)) for name in SPLITS}
        empty = [name for name, size in sizes.items() if not size]
        if empty:
            given = ", ".join(f"{size:,} {name}" for name, size in sizes.items())
            raise DataError(
                f"The {empty[0]} split has no rows (given: {given}); each split needs at least 1."
            )

    @property
    def width(self) -> int:
        """Values per row."""
        return self.train.shape[1]

    @property
    def inputs(self) -> int:
        """The size that an architecture is built for: values per row; of texts, known words."""
        return self.width if self.vocabulary is None else len(self.vocabulary)

    def visit(self, rows: Int[Tensor, " b"], generator: Generator) -> Num[Tensor, "b x"]:
        """Returns a batch of training rows as a model sees them."""
        batch = self.train.index_select(0, rows)
        return torch.bernoulli(batch, generator=generator) if self.rebinarise else batch

    def to(self, device: torch.device, dtype: torch.dtype) -> "Splits":
        """Returns the same splits on a device, values in a floating-point type; ids stay ids."""
        target = torch.int32 if self.kind == "texts" else dtype
        parts = {name: getattr(self, name).to(device=device, dtype=target) for name in self.parts}
        return self.with_rows(**parts)

    @property
    def parts(self) -> list[str]:
        """The names of the splits whose rows are here: all three, but in a trial of tuning."""
        return [name for name in SPLITS if name in vars(self)]

    def with_rows(self, **parts: Num[Tensor, "_ x"]) -> "Splits":
        """Returns the same splits, those named with other rows."""
        changed = copy.copy(self)
        vars(changed).update(parts)
        return changed

    def without_test(self) -> "Splits":
        """Returns the splits of a trial of tuning: to read `test` is an AttributeError.

        So nothing that a trial does can depend on test rows.
        """
        kept = copy.copy(self)
        vars(kept).pop("test", None)
        return kept

    if not TYPE_CHECKING:  # to a type checker the fields are all there is

        def __getattr__(self, name: str) -> Tensor:  # called only for what is not there
            if name == "test":
                raise AttributeError("a trial of tuning has no test rows; read `validation`")
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")


def text_splits(
    vocabulary: Vocabulary, texts: Mapping[str, Ragged], derived: Path | None = None
) -> Splits:
    """Returns the splits of encoded texts, by their names."""
    for name, part in texts.items():
        if not len(part):
            raise DataError(f"The {name} split has no texts; each split needs at least 1.")
    width = max(int(part.lengths.max()) for part in texts.values())
    train, validation, test = (torch.from_numpy(padded(texts[name], width)) for name in SPLITS)
    return Splits(
        train=train,
        validation=validation,
        test=test,
        kind="texts",
        vocabulary=vocabulary,
        derived=derived,
    )
