"""Fully connected encoder and decoder, for vectors and small images."""

from itertools import pairwise
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from fmnbench.architectures.base import VAE, Trunk
from fmnbench.errors import Declined
from fmnbench.nn.distributions import (
    DiagonalNormal,
    IndependentBernoulli,
    IsotropicNormal,
    Likelihood,
)
from fmnbench.registry import Count, Positive, architectures


@architectures.register("mlp", source="Kingma & Welling 2014, app. C; project report", version=1)
class MLP(VAE):
    """Multi-layer perceptrons with ReLU; the decoder mirrors the encoder.

    `hidden` are the encoder's layer widths. A gaussian likelihood has one fixed `variance`: at ½
    it is the squared error Σ(x − x̂)² with its constant kept.
    """

    def __init__(
        self,
        width: int,
        *,
        hidden: tuple[int, ...] = (128, 64),
        latent: Count = 8,
        likelihood: Literal["gaussian", "bernoulli"] = "gaussian",
        variance: Positive = 0.5,
    ) -> None:
        super().__init__()
        self.width = width
        self.hidden = hidden
        self.latent = latent
        self.likelihood = likelihood
        self.variance = variance
        self.encoder = _layers((width, *hidden))
        self.posterior_head = nn.Linear(hidden[-1], 2 * latent)
        self.decoder = _layers((latent, *reversed(hidden)))
        self.output = nn.Linear(hidden[0], width)

    def encode(self, x: Float[Tensor, "n x"]) -> DiagonalNormal:
        mean, log_variance = self.posterior_head(self.encoder(x)).chunk(2, -1)
        return DiagonalNormal(mean, log_variance)

    def decode(self, z: Float[Tensor, "... d"]) -> Likelihood:
        return self.likelihood_of(self.output(self.decoder(z)))

    def likelihood_of(self, output: Float[Tensor, "... x"]) -> Likelihood:
        """Returns the likelihood that the last layer's output stands for."""
        if self.likelihood == "bernoulli":
            return IndependentBernoulli(output)
        return IsotropicNormal(output, self.variance)

    def fresh_trunk(self) -> Trunk:
        """Returns new layers like the encoder's but the last; none of a one-layer encoder."""
        widths = (self.width, *self.hidden[:-1])
        return Trunk(shared=nn.Identity(), own=_layers(widths), width=widths[-1])

    def shared_trunk(self) -> Trunk:
        """Returns all hidden layers but the last; an encoder with a single one has none."""
        if len(self.hidden) < 2:
            raise Declined("mlp with one hidden layer is too shallow to share any with a critic")
        first = self.encoder[: 2 * (len(self.hidden) - 1)]
        return Trunk(shared=first, own=nn.Identity(), width=self.hidden[-2])


def _layers(widths: tuple[int, ...]) -> nn.Sequential:
    """Returns linear layers of these widths with a ReLU after each; with one width, none."""
    return nn.Sequential(
        *(
            layer
            for fan_in, fan_out in pairwise(widths)
            for layer in (nn.Linear(fan_in, fan_out), nn.ReLU())
        )
    )
