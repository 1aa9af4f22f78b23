"""Mutual posterior divergence: posteriors of different rows are kept apart."""

from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from fmnbench.nn.distributions import DiagonalNormal
from fmnbench.registry import NotNegative, Range, remedies
from fmnbench.remedies.base import Batch, Remedy


def pairwise_kl(q: DiagonalNormal) -> Float[Tensor, "n n"]:
    """Returns KL(q_i || q_j) of each pair of posteriors in nats."""
    precision = torch.exp(-q.log_variance)
    moments = q.variance + q.mean.square()
    weighted = precision * q.mean
    # kl[i, j], expanded so that no tensor is larger than n × n or n × d
    crossed = moments @ precision.T - 2 * q.mean @ weighted.T
    own = (weighted * q.mean).sum(1) + q.log_variance.sum(1)
    return 0.5 * (crossed + own[None] - q.log_variance.sum(1)[:, None] - q.mean.shape[1])


@remedies.register("mae", source="Ma et al. 2019, eq. 10", cost="n² numbers a batch", version=1)
class MutualPosteriorDivergence(Remedy):
    """The ELBO − `eta` · log sigmoid of the mean KL between posteriors + `gamma` · its deviation.

    Mean and standard deviation are over the pairs of different rows of a batch.
    """

    def __init__(
        self,
        *,
        eta: Annotated[NotNegative, Range(0.1, 10.0, log=True)] = 1.0,
        gamma: Annotated[NotNegative, Range(0.01, 1.0, log=True)] = 0.1,
    ) -> None:
        super().__init__()
        self.eta, self.gamma = eta, gamma

    def loss(self, batch: Batch) -> Float[Tensor, " n"]:
        elbo = batch.reconstruction + batch.kl.sum(1)
        n = len(batch.x)
        if n < 3:  # one pair has no deviation
            return elbo
        others = ~torch.eye(n, dtype=torch.bool, device=batch.x.device)
        pairs = pairwise_kl(batch.q)[others]
        return elbo - self.eta * F.logsigmoid(pairs.mean()) + self.gamma * pairs.std()
