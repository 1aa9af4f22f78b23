"""What several remedies do with the KL term: a weight that rises, and a part that is free."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Per = Literal["row", "batch", "total"]


def free_bits(kl: Float[Tensor, "n d"], target: float, per: Per) -> Float[Tensor, " n"]:
    """Returns each row's KL in nats, with no gradient below the threshold.

    `target` nats are free: of a row and dimension target / d ("row": Li et al. 2019), of the
    batch's mean in a dimension target / d ("batch": Kingma et al. 2016), or of a row's sum over
    all dimensions ("total").
    """
    if per == "total":
        return kl.sum(1).clamp(min=target)
    threshold = target / max(1, kl.shape[1])
    if per == "row":
        return kl.clamp(min=threshold).sum(1)
    return torch.where(kl.mean(0) > threshold, kl, threshold).sum(1)


def warmed_up(epoch: float, epochs: float, start: float = 0.0) -> float:
    """Returns a weight that rises from `start` to 1 in equal steps over the first `epochs`."""
    if epoch >= epochs:
        return 1.0
    return start + (1.0 - start) * epoch / epochs
