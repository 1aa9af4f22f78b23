"""BN-VAE: the posterior means are normalised over the batch."""

from typing import Annotated

import torch
from jaxtyping import Num
from torch import Tensor, nn
from torch.nn import functional as F

from fmnbench.architectures.base import VAE
from fmnbench.errors import Declined
from fmnbench.nn.distributions import DiagonalNormal
from fmnbench.registry import Positive, Range, remedies
from fmnbench.remedies.around import Around
from fmnbench.remedies.base import Remedy

MOMENTUM = 0.1  # of the running statistics, torch's default


class Normalised(Around):
    """Means of deviation γ over the batch, around a learned bias; running statistics at test."""

    running_mean: Tensor
    running_variance: Tensor

    def __init__(self, within: VAE, gamma: float) -> None:
        super().__init__(within)
        self.gamma = gamma
        self.bias = nn.Parameter(torch.zeros(within.latent))
        self.register_buffer("running_mean", torch.zeros(within.latent))
        self.register_buffer("running_variance", torch.ones(within.latent))

    def encode(self, x: Num[Tensor, "n x"]) -> DiagonalNormal:
        q = super().encode(x)
        by_batch = self.training and len(x) > 1  # one row has no deviation
        statistics = self.running_mean, self.running_variance
        standard = F.batch_norm(q.mean, *statistics, training=by_batch, momentum=MOMENTUM)
        return DiagonalNormal(self.gamma * standard + self.bias, q.log_variance)


@remedies.register("bn", source="Zhu et al. 2020, sec. 4", cost="none", version=1)
class BatchNormalised(Remedy):
    """Batch normalisation of the posterior means with the fixed scale `gamma`.

    So the mean KL is at least d γ² / 2 nats in training, whatever the decoder does.
    """

    def __init__(self, *, gamma: Annotated[Positive, Range(0.1, 2.0, log=True)] = 0.5) -> None:
        super().__init__()
        self.gamma = gamma

    def around(self, vae: VAE) -> VAE:
        if not vae.latent:
            raise Declined(f"{type(vae).__name__} has no latent to normalise")
        return Normalised(vae, self.gamma)
