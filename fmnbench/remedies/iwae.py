"""The importance-weighted bound."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from fmnbench.registry import Count, remedies
from fmnbench.remedies.base import Batch, Remedy


@remedies.register(
    "iwae", source="Burda et al. 2016, eq. 8", cost="about `samples` decoder passes", version=1
)
class IWAE(Remedy):
    """The bound −log (1/k) Σ p(x, z_k) / q(z_k|x) of k `samples`; of one it is the ELBO's."""

    def __init__(self, *, samples: Count = 8) -> None:
        super().__init__()
        self.samples = samples

    def loss(self, batch: Batch) -> Float[Tensor, " n"]:
        weights = batch.log_weights(self.samples)
        return math.log(self.samples) - torch.logsumexp(weights, 0)
