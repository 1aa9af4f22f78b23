"""Omniglot as all its files come out: rows of 28×28 pixels in three splits, ink = 1."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float32

from fmnbench.data.readers.permutation import held_out, permutation
from fmnbench.errors import DataError

SIDE = 28  # pixels
PIXELS = SIDE * SIDE
ALL_IMAGES = 32_460  # 1,623 characters by 20 drawers (Lake et al. 2015)
TRAINING_DRAWERS = 15  # of 20: they give the 24,345 training images of Burda et al. 2016
VALIDATION = 2_000  # images (Kim et al. 2018, He et al. 2019)
FULL_ENOUGH = 4_000  # training images; with fewer a tenth validates
VALIDATION_PURPOSE = "omniglot/validation"
TEST_PURPOSE = "omniglot/test order"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Images:
    """Three splits of images, flattened row by row; values are the share of ink, from 0 to 1.

    `binary` says that all values are bits already; `source` says in words what they came from,
    `form` which of the published files that is: "partial" where images are missing.
    """

    train: Float32[np.ndarray, "n 784"]
    validation: Float32[np.ndarray, "m 784"]
    test: Float32[np.ndarray, "t 784"]
    binary: bool
    source: str
    form: str

    def __post_init__(self) -> None:
        for name in ("train", "validation", "test"):
            require_ink(getattr(self, name), f"{self.source}: the {name} split")


def require_ink(pixels: Float32[np.ndarray, "n 784"], place: str) -> None:
    """Raises DataError unless values are in [0, 1] and ink (1) is rarer than paper (0)."""
    if not len(pixels):
        raise DataError(f"{place} is empty.")
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= 0.0 and high <= 1.0):  # so that nan fails too
        raise DataError(f"{place} has values from {low:g} to {high:g}; expected ink from 0 to 1.")
    mean = float(pixels.mean(dtype=np.float64))
    if not 0.0 < mean < 0.5:
        raise DataError(f"{place} has a mean of {mean:.3f}; expected ink = 1, paper = 0.")


def are_bits(*splits: Float32[np.ndarray, "_ 784"]) -> bool:
    """Tells whether every value is 0 or 1."""
    return all(bool(np.all((pixels == 0) | (pixels == 1))) for pixels in splits)


def split_by_drawer(
    ink: Float32[np.ndarray, "n 784"], trains: Bool[np.ndarray, " n"], source: str, form: str
) -> Images:
    """Returns the splits of images in a canonical order, given which a training drawer drew.

    The last 2,000 of a permutation of the training images validate; a tenth where they are
    fewer than 4,000. Test images are shuffled, so that neighbours in a batch are not the same
    character. Both permutations are fixed (purposes "omniglot/validation" and "omniglot/test
    order"). What is missing from the full 32,460 images is said in `source`.
    """
    training, test = np.flatnonzero(trains), np.flatnonzero(~trains)
    if len(training) < 10 or not len(test):
        raise DataError(
            f"{source} has {len(training)} images of training drawers and {len(test)} of test "
            "drawers; a split takes 10 and 1 at least."
        )
    validation = VALIDATION if len(training) >= FULL_ENOUGH else len(training) // 10
    if len(ink) != ALL_IMAGES:
        form = "partial"
        source += f", {len(ink):,} of {ALL_IMAGES:,} images, {validation:,} of them validate"
    train_rows, validation_rows = held_out(len(training), validation, VALIDATION_PURPOSE)
    return Images(
        train=ink[training[train_rows]],
        validation=ink[training[validation_rows]],
        test=ink[test[permutation(len(test), TEST_PURPOSE)]],
        binary=are_bits(ink),
        source=source,
        form=form,
    )
