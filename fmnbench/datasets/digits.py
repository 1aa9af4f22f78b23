"""scikit-learn's handwritten digits: small real images that need no network."""

import torch

from fmnbench.datasets.base import Dataset, Splits
from fmnbench.registry import datasets
from fmnbench.rng import stream

LARGEST_INK = 16.0  # of a pixel: each counts the inked cells of a 4 × 4 field
TRAIN, VALIDATION = 1257, 180  # rows; the other 360 of 1,797 are the test split


@datasets.register(
    "digits",
    kind="images",
    source="Alpaydin & Kaynak 1998 (UCI), scikit-learn",
    licence="CC BY 4.0",
    embedded=True,
    version=1,
)
class Digits(Dataset):
    """Scans of 1,797 handwritten digits, 8×8 pixels, from scikit-learn.

    With `binary` pixels are bits: training rows are drawn anew from their grey values at every
    visit, validation and test rows once with a fixed stream.
    """

    imports = ("sklearn.datasets", "sklearn.decomposition")  # slow modules, which workers share

    def __init__(self, *, binary: bool = True) -> None:
        self.binary = binary

    def load(self) -> Splits:
        """Returns a fixed random split into 1,257 / 180 / 360 rows of 64 pixels in [0, 1]."""
        from sklearn.datasets import load_digits

        pixels = torch.from_numpy(load_digits().data).float() / LARGEST_INK
        order = torch.randperm(len(pixels), generator=stream(0, "digits/split"))
        train, validation, test = pixels[order].tensor_split((TRAIN, TRAIN + VALIDATION))
        if self.binary:
            generator = stream(0, "digits/binarisation")
            validation = torch.bernoulli(validation, generator=generator)
            test = torch.bernoulli(test, generator=generator)
        return Splits(
            train=train,
            validation=validation,
            test=test,
            kind="images",
            image_shape=(8, 8),
            rebinarise=self.binary,
        )
