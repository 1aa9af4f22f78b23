"""A largest reconstruction error as a constraint, by a Lagrange multiplier."""

from typing import Annotated

import torch
from jaxtyping import Float, Num
from torch import Tensor

from fmnbench.registry import NotNegative, Range, Share, remedies
from fmnbench.remedies.base import Batch, Remedy, Terms, Training

LARGEST = 13.8  # of |log multiplier|, so a factor of a million either way


@remedies.register("geco", source="Rezende & Viola 2018, alg. 1", cost="none", version=1)
class GECO(Remedy):
    """The KL under the constraint that the reconstruction term is at most `reconstruction` nats.

    What is allowed depends on the data: the default says nothing about yours. The multiplier of
    the constraint grows by a factor of exp(`multiplier_rate` · excess) a step, where the excess
    is a moving average with weight `memory` of the past.
    """

    log_multiplier: Tensor
    excess: Tensor

    def __init__(
        self,
        *,
        reconstruction: Annotated[float, Range(1.0, 1000.0, log=True)] = 20.0,
        multiplier_rate: NotNegative = 1e-2,
        memory: Share = 0.99,
    ) -> None:
        super().__init__()
        self.reconstruction = reconstruction
        self.multiplier_rate, self.memory = multiplier_rate, memory
        self.register_buffer("log_multiplier", torch.tensor(0.0))
        self.register_buffer("excess", torch.tensor(float("nan")))  # no step was taken yet

    def loss(self, batch: Batch) -> Float[Tensor, " n"]:
        excess = batch.reconstruction - self.reconstruction
        return batch.kl.sum(1) + self.log_multiplier.exp() * excess

    def step(self, training: Training, x: Num[Tensor, "n x"]) -> Terms:
        batch = training.batch(x)
        terms = training.descend(batch)
        self._ascend(batch.reconstruction.detach().mean() - self.reconstruction)
        return terms

    @torch.no_grad()
    def _ascend(self, excess: Float[Tensor, ""]) -> None:
        past = torch.where(self.excess.isnan(), excess, self.excess)
        self.excess.copy_(self.memory * past + (1 - self.memory) * excess)
        self.log_multiplier.add_(self.multiplier_rate * self.excess).clamp_(-LARGEST, LARGEST)
