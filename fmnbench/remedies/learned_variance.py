"""A decoder variance that is learned."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fmnbench.architectures.base import VAE
from fmnbench.errors import Declined
from fmnbench.nn.distributions import LOG_2PI, IsotropicNormal
from fmnbench.registry import remedies
from fmnbench.remedies.around import Around
from fmnbench.remedies.base import Remedy


class LearnedNormal(IsotropicNormal):
    """An isotropic normal whose one variance carries gradients."""

    def __init__(self, mean: Float[Tensor, "... d"], log_variance: Float[Tensor, ""]) -> None:
        super().__init__(mean, math.exp(log_variance.item()))
        self._log_variance = log_variance

    def log_prob(self, value: Float[Tensor, "... d"]) -> Tensor:
        squares = (value - self._mean).square() * torch.exp(-self._log_variance)
        return -0.5 * (squares + self._log_variance + LOG_2PI).sum(-1)


class Scaled(Around):
    """Means of the decoder within, and a variance of its own that starts at that of within."""

    def __init__(self, within: VAE, variance: float) -> None:
        super().__init__(within)
        self.log_variance = nn.Parameter(torch.tensor(math.log(variance)))

    def decode(self, z: Float[Tensor, "... d"]) -> LearnedNormal:
        return LearnedNormal(super().decode(z).mean, self.log_variance)


@remedies.register(
    "learned-variance", source="Rybkin et al. 2021, sec. 3; Lucas et al. 2019", version=1
)
class LearnedVariance(Remedy):
    """The variance of a Gaussian decoder is one learned number; it sets the weight of the KL.

    It declines other decoders.
    """

    def around(self, vae: VAE) -> VAE:
        likelihood = vae.decode(vae.prior.mean[None])
        if not isinstance(likelihood, IsotropicNormal):
            raise Declined(f"{type(vae).__name__} has no Gaussian decoder with one variance")
        return Scaled(vae, likelihood.variance.flatten()[0].item())
