"""Pretraining as an autoencoder, then free bits with a new decoder."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from fmnbench.registry import Count, NotNegative, Range, remedies
from fmnbench.remedies.base import Batch, Remedy, Training
from fmnbench.remedies.kl_term import free_bits, warmed_up


@remedies.register("fbp", source="Li et al. 2019, sec. 3", cost="the pretraining", version=1)
class PretrainedFreeBits(Remedy):
    """An autoencoder for `pretraining` epochs; then a new decoder, and free bits.

    `target` nats are free, target / d of each row and dimension; the KL term's weight rises from
    0 to 1 over `warmup` epochs after the pretraining.
    """

    resets: ClassVar[bool] = True
    began: Tensor

    def __init__(
        self,
        *,
        target: Annotated[NotNegative, Range(0.5, 20.0, log=True)] = 8.0,
        pretraining: Count = 3,
        warmup: NotNegative = 10.0,
    ) -> None:
        super().__init__()
        self.target, self.pretraining, self.warmup = target, pretraining, warmup
        self.register_buffer("began", torch.tensor(-1.0))  # epoch of the second phase, if it has

    def loss(self, batch: Batch) -> Float[Tensor, " n"]:
        began = self.began.item()
        if began < 0:
            return batch.reconstruction
        weight = warmed_up(batch.progress.epoch - began, self.warmup)
        return batch.reconstruction + weight * free_bits(batch.kl, self.target, "row")

    def after_epoch(self, training: Training, entry: Mapping[str, float]) -> None:
        if entry["epoch"] == self.pretraining:
            self.began.fill_(entry["epoch"])
            training.reset(training.generative())
