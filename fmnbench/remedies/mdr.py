"""A least rate as a constraint, by a Lagrange multiplier."""

from typing import Annotated

import torch
from jaxtyping import Float, Num
from torch import Tensor

from fmnbench.registry import NotNegative, Range, remedies
from fmnbench.remedies.base import Batch, Remedy, Terms, Training

DECAY = 0.99  # of RMSprop's mean square, torch's default
TINY = 1e-8


@remedies.register("mdr", source="Pelsmaeker & Aziz 2020, eq. 6", cost="none", version=1)
class MinimumDesiredRate(Remedy):
    """The ELBO under the constraint KL ≥ `rate` nats: + |u| · (rate − KL).

    The multiplier u climbs by RMSprop at `multiplier_rate` a step, from `multiplier`.
    """

    squares: Tensor
    multiplier: Tensor

    def __init__(
        self,
        *,
        rate: Annotated[NotNegative, Range(0.5, 20.0, log=True)] = 5.0,
        multiplier: float = 0.5,
        multiplier_rate: NotNegative = 1e-3,
    ) -> None:
        super().__init__()
        self.rate, self.multiplier_rate = rate, multiplier_rate
        self.register_buffer("multiplier", torch.tensor(multiplier))
        self.register_buffer("squares", torch.tensor(0.0))

    def loss(self, batch: Batch) -> Float[Tensor, " n"]:
        kl = batch.kl.sum(1)
        return batch.reconstruction + kl + self.multiplier.abs() * (self.rate - kl)

    def step(self, training: Training, x: Num[Tensor, "n x"]) -> Terms:
        batch = training.batch(x)
        terms = training.descend(batch)
        self._ascend(batch.kl.detach().sum(1).mean())
        return terms

    @torch.no_grad()
    def _ascend(self, kl: Float[Tensor, ""]) -> None:
        slope = torch.where(self.multiplier < 0, -1.0, 1.0) * (self.rate - kl)
        self.squares.mul_(DECAY).add_((1 - DECAY) * slope.square())
        self.multiplier.add_(self.multiplier_rate * slope / (self.squares.sqrt() + TINY))
