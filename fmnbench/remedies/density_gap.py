"""The KL of the aggregate posterior in place of each row's."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from fmnbench.nn.distributions import DiagonalNormal
from fmnbench.registry import remedies
from fmnbench.remedies.base import Batch, Remedy


def aggregate_kl(z: Float[Tensor, "n d"], q: DiagonalNormal) -> Float[Tensor, " d"]:
    """Returns KL(q_B(z_d) || N(0, 1)) of each dimension in nats, estimated by the samples z.

    q_B is the mixture of the batch's posteriors, z[i] a sample of q[i].
    """
    gaps = z[:, None] - q.mean[None]  # gaps[i, j, d] = z_id − mean_jd
    squares = gaps.square() * torch.exp(-q.log_variance)
    mixture = torch.logsumexp(-0.5 * (squares + q.log_variance), 1) - math.log(len(z))
    return (mixture + 0.5 * z.square()).mean(0)  # log 2π is in both densities


@remedies.register(
    "density-gap", source="Zhang et al. 2022, sec. 3", cost="n² d numbers a batch", version=1
)
class DensityGap(Remedy):
    """Reconstruction + Σ_d KL(q_B(z_d) || p(z_d)), of the mixture of the batch's posteriors.

    What the posteriors say about x costs nothing; only their mixture must resemble the prior.
    """

    def loss(self, batch: Batch) -> Float[Tensor, " n"]:
        return batch.reconstruction + aggregate_kl(batch.z, batch.q).sum()
