"""The Evaluation: one cached pass of a trained model over the test rows, for all metrics."""

import functools
import math
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from fmnbench.architectures.base import VAE
from fmnbench.datasets.base import Splits
from fmnbench.distributions import DiagonalNormal, Likelihood
from fmnbench.rng import stream

BLOCK = 4096  # rows per forward pass: bounds memory, moves no number


class Metric(Protocol):
    """A registered metric: one number of an evaluation; its decorator states unit and direction."""

    def __call__(self, evaluation: "Evaluation") -> float:
        """Returns the value; raises Declined where it does not apply."""
        ...


class Evaluation:
    """A trained model with the test rows; what several metrics need is worked out once.

    `batch_size` is the training batch size, `nll_samples` the K of the track. Sums over rows
    are taken in float64.
    """

    def __init__(
        self, vae: VAE, splits: Splits, *, seed: int, batch_size: int, nll_samples: int
    ) -> None:
        self.vae = vae.eval()
        self.splits = splits
        self.seed = seed
        self.batch_size = batch_size
        self.nll_samples = nll_samples

    @property
    def x(self) -> Float[Tensor, "n x"]:
        """The test rows."""
        return self.splits.test

    @property
    def n(self) -> int:
        """The number of test rows."""
        return len(self.x)

    def stream(self, purpose: str) -> Generator:
        """Returns the generator of one metric's randomness."""
        return stream(self.seed, f"evaluation/{purpose}", self.x.device)

    @functools.cached_property
    @torch.no_grad()
    def posterior(self) -> DiagonalNormal:
        """The approximate posterior of every test row."""
        return self.encode(self.x)

    @functools.cached_property
    @torch.no_grad()
    def z(self) -> Float[Tensor, "n d"]:
        """One posterior sample for each test row."""
        return self.posterior.rsample(generator=self.stream("posterior"))

    @functools.cached_property
    @torch.no_grad()
    def reconstruction(self) -> Float[Tensor, " n"]:
        """−log p(x|z) of each test row at its one sample, normalised, in nats."""
        parts = [
            -self.vae.decode(z).log_prob(x).double()
            for z, x in zip(self.z.split(BLOCK), self.x.split(BLOCK), strict=True)
        ]
        return torch.cat(parts)

    @functools.cached_property
    @torch.no_grad()
    def kl(self) -> Float[Tensor, " n"]:
        """KL(q(z|x) || p(z)) of each test row in nats, in closed form."""
        return self.posterior.kl_from_standard().double().sum(1)

    @functools.cached_property
    @torch.no_grad()
    def generated(self) -> Float[Tensor, "n x"]:
        """As many draws from the model as there are test rows: z ~ p(z), then x ~ p(x|z)."""
        generator = self.stream("generated")
        z = self.vae.prior.rsample((self.n,), generator=generator)
        parts = [self.vae.decode(block).sample(generator=generator) for block in z.split(BLOCK)]
        return torch.cat(parts)

    @torch.no_grad()
    def encode(self, x: Float[Tensor, "n x"]) -> DiagonalNormal:
        """Returns the posterior of any rows, block by block."""
        posteriors = [self.vae.encode(block) for block in x.split(BLOCK)]
        return DiagonalNormal(
            torch.cat([q.mean for q in posteriors]),
            torch.cat([q.log_variance for q in posteriors]),
        )

    @property
    def ceiling(self) -> float:
        """log n in nats: no estimate with the row itself in the mixture can exceed it."""
        return math.log(self.n)


def decoder_loss(likelihood: Likelihood, x: Float[Tensor, "n x"]) -> Float[Tensor, " n"]:
    """Returns the reconstruction term as papers print it: without a Gaussian's constant.

    At variance ½ this is the squared error Σ(x − x̂)²; of bits it is the cross entropy.
    """
    constant = getattr(likelihood, "log_normaliser", 0.0)
    return constant - likelihood.log_prob(x)
