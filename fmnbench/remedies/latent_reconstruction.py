"""Latent reconstruction: what the decoder makes of z must be encoded as z."""

from typing import Annotated

from jaxtyping import Float
from torch import Tensor

from fmnbench.architectures.base import VAE
from fmnbench.registry import NotNegative, Range, remedies
from fmnbench.remedies.base import Batch, Remedy


@remedies.register(
    "latent-reconstruction",
    source="arXiv 2508.12530",
    cost="one more encoder and decoder pass",
    version=1,
)
class LatentReconstruction(Remedy):
    """The ELBO + `alpha` · ‖z − E(D(z))‖², with z from the prior and means for E and D.

    It declines decoders without a mean, autoregressive ones.
    """

    def __init__(
        self, *, alpha: Annotated[NotNegative, Range(0.01, 10.0, log=True)] = 0.1
    ) -> None:
        super().__init__()
        self.alpha = alpha

    def around(self, vae: VAE) -> VAE:
        _ = vae.decode(vae.prior.mean[None]).mean  # Declined
        return vae

    def loss(self, batch: Batch) -> Float[Tensor, " n"]:
        z = batch.prior_draws()
        again = batch.vae.encode(batch.vae.decode(z).mean).mean
        elbo = batch.reconstruction + batch.kl.sum(1)
        return elbo + self.alpha * (z - again).square().sum(1)
