"""Omniglot: 32,460 drawings of 1,623 characters by 20 people, 28×28 pixels."""

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from fmnbench.data.cache import SPLITS, CachedData
from fmnbench.data.readers.omniglot_images import SIDE
from fmnbench.datasets.base import CachedDataset, Splits
from fmnbench.registry import datasets
from fmnbench.rng import derived_seed

DERIVED = "derived"


@datasets.register(
    "omniglot",
    source="Lake et al. 2015; 28×28 and splits after Burda et al. 2016 and Kim et al. 2018",
    licence="MIT",
    version=1,
)
class Omniglot(CachedDataset):
    """Drawings of 1,623 characters from 50 alphabets by 20 people, 28×28 pixels.

    Pixels are bits. Where the source is grey, training rows are drawn anew at every visit,
    validation and test rows once with a fixed stream.
    """

    place = "omniglot"
    shared_rows = 3  # at 28×28 pixels, drawn alike by people of two splits

    def splits(self, data: CachedData) -> Splits:
        """Returns rows of 784 pixels, ink = 1."""
        train, validation, test = (_pixels(data, split) for split in SPLITS)
        if not data.binary:
            validation, test = _bits(validation, "validation"), _bits(test, "test")
        return Splits(
            train=train,
            validation=validation,
            test=test,
            kind="images",
            image_shape=(SIDE, SIDE),
            rebinarise=not data.binary,
            derived=data.folder / DERIVED,
        )


def _pixels(data: CachedData, split: str) -> Float32[Tensor, "n 784"]:
    chunks = data.column(split, "image").chunks
    values = np.concatenate([chunk.flatten().to_numpy() for chunk in chunks])
    return torch.from_numpy(values).view(-1, SIDE * SIDE)


def _bits(grey: Float32[Tensor, "n 784"], split: str) -> Float32[Tensor, "n 784"]:
    """Returns bits with probabilities `grey`, the same on every machine.

    They come from the raw output of PCG64, which NumPy keeps the same in all versions.
    """
    generator = np.random.PCG64(derived_seed(0, f"omniglot/binarisation/{split}"))
    uniform = torch.from_numpy((generator.random_raw(grey.numel()) >> 11) * 2.0**-53)
    return (uniform.view_as(grey) < grey).float()
