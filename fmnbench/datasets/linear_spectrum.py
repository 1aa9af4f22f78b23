"""Normal rows with a known spectrum: what a linear VAE can learn of them is known exactly."""

import numpy as np
import torch
from numpy.random import RandomState

from fmnbench.datasets.base import Dataset, Splits
from fmnbench.errors import UsageError
from fmnbench.registry import datasets

EIGENVALUES = (8.0, 4.0, 2.5, 1.6, 1.4, 0.6, 0.3, 0.2, 0.15, 0.1, 0.05, 0.02)  # of the covariance
DATA_SEED = 2  # of NumPy's legacy generator, whose draws are the same bits everywhere
FEWEST_ROWS = 10  # so that each split has a row


@datasets.register(
    "linear-spectrum",
    kind="vectors",
    source="Lucas et al. 2019, sec. 4; Tipping & Bishop 1999",
    licence="MIT",
    embedded=True,
    version=1,
)
class LinearSpectrum(Dataset):
    """Normal rows in 12 dimensions; five eigenvalues of their covariance are above 1.

    A linear VAE with decoder variance σ² uses as many latent dimensions as eigenvalues are above
    σ², a β-VAE as many as are above β σ²; likelihood and information have closed forms.
    """

    def __init__(self, *, rows: int = 10_000) -> None:
        if rows < FEWEST_ROWS:
            raise UsageError(f"rows is {rows}; it must be {FEWEST_ROWS} or above.")
        self.rows = rows

    def load(self) -> Splits:
        """Returns 80 % / 10 % / 10 % of the rows."""
        width = len(EIGENVALUES)
        along_axes = RandomState(DATA_SEED).standard_normal((self.rows, width))
        along_axes *= np.sqrt(EIGENVALUES)
        # a reflection that mixes all axes: I − (2 / width) 11ᵀ
        rows = torch.from_numpy(along_axes - along_axes.mean(1, keepdims=True) * 2)
        parts = rows.tensor_split((self.rows * 8 // 10, self.rows * 9 // 10))
        return Splits(train=parts[0], validation=parts[1], test=parts[2], kind="vectors")
