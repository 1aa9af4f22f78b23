"""The toy of the project report: a mixture of ten isotropic Gaussians in 16 dimensions."""

import dataclasses
import math

import numpy as np
import torch
from jaxtyping import Float
from numpy.random import RandomState
from torch import Tensor

from fmnbench.datasets.base import Dataset, Splits
from fmnbench.errors import UsageError
from fmnbench.nn.distributions import LOG_2PI
from fmnbench.registry import datasets

DIMENSIONS = 16
CLASSES = 10
FEWEST_ROWS = 2  # of a class, so that each split has a row
LARGEST_RADIUS = 40.0  # of a class mean from the origin
LARGEST_VARIANCE = 8.0  # of a class, in every direction
DATA_SEED = 1  # of NumPy's legacy generator
SPLIT_SEED = 0  # of torch's generator


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mixture:
    """The mixture's parameters with equal weights, and rows drawn from it in shuffled order."""

    means: Float[np.ndarray, "c 16"]
    variances: Float[np.ndarray, " c"]
    rows: Float[np.ndarray, "n 16"]

    def log_density(self, x: Float[Tensor, "m 16"]) -> Float[Tensor, " m"]:
        """Returns log p(x) of the true mixture, in nats: its mean bounds any model's −nll."""
        means = torch.from_numpy(self.means).to(x)
        variances = torch.from_numpy(self.variances).to(x)
        # squares[i, c] = |x_i - mean_c|^2
        squares = (x[:, None] - means).square().sum(2)
        log_normal = -0.5 * (squares / variances + DIMENSIONS * (LOG_2PI + variances.log()))
        return log_normal.logsumexp(1) - math.log(CLASSES)


def mixture(rows_per_class: int = 20_000) -> Mixture:
    """Returns the mixture with its draws, the report's at 20,000 rows a class.

    The order of calls to NumPy's legacy generator is part of the protocol. Its draws are the same
    bits everywhere; the length of a direction, from BLAS, may round otherwise on other processors.
    """
    random = RandomState(DATA_SEED)
    means, variances, draws = [], [], []
    for _ in range(CLASSES):
        direction = random.standard_normal(DIMENSIONS)
        direction /= np.linalg.norm(direction)
        mean = random.uniform(0, LARGEST_RADIUS) * direction
        variance = random.uniform(0, LARGEST_VARIANCE)
        covariance = variance * np.eye(DIMENSIONS)
        draws.append(random.multivariate_normal(mean, covariance, rows_per_class))
        means.append(mean)
        variances.append(variance)
    order = np.arange(CLASSES * rows_per_class)
    random.shuffle(order)
    return Mixture(
        means=np.stack(means), variances=np.array(variances), rows=np.concatenate(draws)[order]
    )


@datasets.register(
    "toy",
    kind="vectors",
    source="project report, Table 1",
    licence="MIT",
    embedded=True,
    version=1,
)
class Toy(Dataset):
    """Mixture of 10 Gaussians in 16 dimensions, 200,000 rows made on the spot."""

    def __init__(self, *, rows_per_class: int = 20_000) -> None:
        if rows_per_class < FEWEST_ROWS:
            raise UsageError(
                f"rows_per_class is {rows_per_class}; it must be {FEWEST_ROWS} or above."
            )
        self.rows_per_class = rows_per_class

    def load(self) -> Splits:
        """Returns 81 % / 9 % / 10 % of the rows, split by torch's generator at seed 0."""
        rows = torch.from_numpy(mixture(self.rows_per_class).rows)
        train = len(rows) * 81 // 100
        validation = len(rows) * 9 // 100
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(SPLIT_SEED))
        parts = [rows[part] for part in order.tensor_split((train, train + validation))]
        return Splits(train=parts[0], validation=parts[1], test=parts[2], kind="vectors")
