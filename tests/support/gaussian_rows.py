"""Rows of a normal distribution with known principal axes: a plug-in for tests."""

import torch

from fmnbench.datasets.base import Splits
from fmnbench.registry import datasets
from fmnbench.rng import stream

VARIANCES = (4.0, 2.0, 0.3)  # along the principal axes
ROWS = {"train": 4000, "validation": 2000, "test": 10}


@datasets.register("gaussian", source="a test", kind="vectors", embedded=True)
class Gaussian:
    """Three values a row, correlated; whitened, so that each split has exactly these variances."""

    def load(self):
        axes, _ = torch.linalg.qr(torch.randn(3, 3, generator=stream(0, "gaussian/axes")).double())
        parts = {}
        for name, rows in ROWS.items():
            x = torch.randn(rows, 3, generator=stream(0, f"gaussian/{name}")).double()
            x = x - x.mean(0)
            root = torch.linalg.cholesky(x.T @ x / rows)
            x = torch.linalg.solve_triangular(root, x.T, upper=False).T
            parts[name] = x * torch.tensor(VARIANCES).double().sqrt() @ axes.T
        return Splits(kind="vectors", **parts)
