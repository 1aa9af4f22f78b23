"""Aggressive training of the encoder, as long as it lags behind."""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Num
from torch import Tensor

from fmnbench.registry import Count, remedies
from fmnbench.remedies.base import Remedy, Terms, Training


@remedies.register(
    "lagging", source="He et al. 2019, alg. 1", cost="up to `most` steps in one", version=1
)
class Lagging(Remedy):
    """Steps of the encoder alone until they gain nothing, then one of the decoder.

    At most `most` encoder steps, on other batches, until the mean loss of a `block` of them is
    not below that of the block before (He et al.: 15 for texts, 10 for images). This phase ends
    where the information of the validation rows has not risen `patience` times in a row (1 for
    texts, 5 for images); from there on it is the plain VAE. Needs a validation after each epoch.
    """

    aggressive: Tensor
    best: Tensor
    misses: Tensor

    def __init__(self, *, most: Count = 99, block: Count = 10, patience: Count = 1) -> None:
        super().__init__()
        self.most, self.block, self.patience = most, block, patience
        self.register_buffer("aggressive", torch.tensor(True))
        self.register_buffer("best", torch.tensor(-math.inf, dtype=torch.float64))
        self.register_buffer("misses", torch.tensor(0))

    def step(self, training: Training, x: Num[Tensor, "n x"]) -> Terms:
        if not self.aggressive:
            return training.descend(training.batch(x))
        self._catch_up(training, x)
        return training.descend(training.batch(x), training.generative())

    def _catch_up(self, training: Training, x: Num[Tensor, "n x"]) -> None:
        """Takes steps of the encoder alone, the first on these rows."""
        batch, before = training.batch(x), math.inf
        losses: list[Tensor] = []
        for step in range(1, self.most + 1):
            losses.append(training.descend(batch, training.inference())[0])
            if step % self.block == 0:
                mean = torch.stack(losses).mean().item()
                if mean >= before:
                    return
                before, losses = mean, []
            batch = training.another()

    def after_epoch(self, training: Training, entry: Mapping[str, float]) -> None:
        information = entry.get("validation.mi_batch")
        if information is None or not self.aggressive:
            return
        if information > self.best:
            self.best.fill_(information)
            self.misses.zero_()
            return
        self.misses.add_(1)
        self.aggressive.fill_(bool(self.misses < self.patience))
