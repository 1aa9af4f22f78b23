"""δ-VAE: posteriors that cannot come closer to the prior than a given rate."""

import math
from typing import Annotated

import torch
from jaxtyping import Num
from scipy.optimize import brentq
from torch import Tensor
from torch.nn import functional as F

from fmnbench.architectures.base import VAE
from fmnbench.errors import Declined
from fmnbench.nn.distributions import DiagonalNormal
from fmnbench.registry import Positive, Range, remedies
from fmnbench.remedies.around import Around
from fmnbench.remedies.base import Remedy

ABOVE = 1e-6  # of the squared mean, so that its root has a gradient


class Committed(Around):
    """Posteriors with a KL of at least `rate` nats in each dimension."""

    def __init__(self, within: VAE, rate: float) -> None:
        super().__init__(within)
        self.rate = rate
        self.deviations = deviations(rate)

    def encode(self, x: Num[Tensor, "n x"]) -> DiagonalNormal:
        raw = super().encode(x)
        low, high = self.deviations
        deviation = low + (high - low) * torch.sigmoid(raw.log_variance)
        variance = deviation.square()
        floor = 2 * self.rate + 1 + variance.log() - variance
        mean = (floor.clamp(min=0) + F.relu(raw.mean) + ABOVE).sqrt()
        return DiagonalNormal(mean, variance.log())


def deviations(rate: float) -> tuple[float, float]:
    """Returns the two deviations at which N(0, σ²) has this KL to N(0, 1), in nats."""

    def gap(variance: float) -> float:
        return math.log(variance) - variance + 2 * rate + 1

    low = brentq(gap, math.exp(-2 * rate - 1), 1.0)
    high = brentq(gap, 1.0, 2 * rate + 2 + math.sqrt(8 * rate) + 1)
    return math.sqrt(low), math.sqrt(high)


@remedies.register("delta", source="Razavi et al. 2019, sec. 2.1", cost="none", version=1)
class DeltaVAE(Remedy):
    """Posteriors whose KL is at least `rate` nats in each dimension, by their form.

    The independent form, with the standard normal prior. A KL at its floor may hold no
    information at all.
    """

    def __init__(self, *, rate: Annotated[Positive, Range(0.01, 1.0, log=True)] = 0.1) -> None:
        super().__init__()
        self.rate = rate

    def around(self, vae: VAE) -> VAE:
        if not vae.latent:
            raise Declined(f"{type(vae).__name__} has no latent whose rate could be kept")
        return Committed(vae, self.rate)
