"""What a dataset is: three disjoint splits of rows, named by a fingerprint."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Int, Num
from torch import Generator, Tensor

from fmnbench.data.cache import CachedData, cached_data
from fmnbench.data.tokens import derived_folder, encoded, padded
from fmnbench.data.vocabulary import SPECIALS, Ragged, Vocabulary
from fmnbench.errors import UsageError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Splits:
    """The rows of a dataset as tensors of (rows, values).

    Images are flattened row by row. Texts are ids of words, int32, from <s> to </s>; further </s>
    make rows equally long and count for nothing. With `rebinarise` the training rows are grey
    values in [0, 1] that become bits anew each time they are visited; validation and test rows
    are bits already. `derived` is the folder for what is worked out once from exactly these
    rows, where the dataset lies in the cache.
    """

    train: Num[Tensor, "n x"]
    validation: Num[Tensor, "m x"]
    test: Num[Tensor, "t x"]
    kind: Literal["vectors", "images", "texts"]
    image_shape: tuple[int, int] | None = None  # height, width
    rebinarise: bool = False
    vocabulary: Vocabulary | None = None
    derived: Path | None = None

    @property
    def width(self) -> int:
        """Values per row."""
        return self.train.shape[1]

    @property
    def inputs(self) -> int:
        """What an architecture is built for: values per row; of texts, words to choose from."""
        return self.width if self.vocabulary is None else len(self.vocabulary)

    def visit(self, rows: Int[Tensor, " b"], generator: Generator) -> Num[Tensor, "b x"]:
        """Returns a batch of training rows as a model sees them."""
        batch = self.train.index_select(0, rows)
        return torch.bernoulli(batch, generator=generator) if self.rebinarise else batch

    def to(self, device: torch.device, dtype: torch.dtype) -> "Splits":
        """Returns the same splits on a device, values in a floating-point type; ids stay ids."""
        kept = torch.int32 if self.kind == "texts" else dtype
        moved = {
            name: getattr(self, name).to(device=device, dtype=kept)
            for name in ("train", "validation", "test")
        }
        return dataclasses.replace(self, **moved)


@runtime_checkable
class Dataset(Protocol):
    """A registered dataset; its settings are its keyword-only arguments."""

    def load(self) -> Splits:
        """Returns the splits; the same bytes every time."""
        ...


class CachedDataset:
    """The base of datasets whose data lie in the cache, under the name `place`."""

    place: str

    def load(self) -> Splits:
        """Returns the splits.

        Raises:
            DataMissing: the data have not been fetched or imported.
        """
        return self.splits(cached_data(self.place))

    def splits(self, data: CachedData) -> Splits:
        """Returns the splits of data in any folder; the same bytes every time."""
        raise NotImplementedError


class CachedTexts(CachedDataset):
    """The base of texts in the cache; they are ids of at most `vocabulary` words.

    With `test_rows` only so many of the test texts, the first ones.
    """

    def __init__(self, *, vocabulary: int | None = None, test_rows: int | None = None) -> None:
        if vocabulary is not None and vocabulary <= len(SPECIALS):
            raise UsageError(f"vocabulary is {vocabulary}; it must be above {len(SPECIALS)}.")
        if test_rows is not None and test_rows < 1:
            raise UsageError(f"test_rows is {test_rows}; it must be 1 or above.")
        self.vocabulary = vocabulary
        self.test_rows = test_rows

    def splits(self, data: CachedData) -> Splits:
        """Returns rows as wide as the longest text of all splits."""
        vocabulary, texts = encoded(data, self.vocabulary)
        made = text_splits(vocabulary, texts, derived_folder(data, self.vocabulary))
        return dataclasses.replace(made, test=made.test[: self.test_rows])


def text_splits(
    vocabulary: Vocabulary, texts: Mapping[str, Ragged], derived: Path | None = None
) -> Splits:
    """Returns the splits of encoded texts, by their names."""
    width = max(int(part.lengths.max()) for part in texts.values())
    train, validation, test = (
        torch.from_numpy(padded(texts[split], width)) for split in ("train", "validation", "test")
    )
    return Splits(
        train=train,
        validation=validation,
        test=test,
        kind="texts",
        vocabulary=vocabulary,
        derived=derived,
    )
