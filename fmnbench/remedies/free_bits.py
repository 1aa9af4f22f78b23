"""Free bits: no gain from a KL below a threshold."""

from typing import Annotated, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from fmnbench.registry import NotNegative, Range, remedies
from fmnbench.remedies.base import Batch, Remedy, warmed_up

Per = Literal["row", "batch", "total"]


def free_bits(kl: Float[Tensor, "n d"], target: NotNegative, per: Per) -> Float[Tensor, " n"]:
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


@remedies.register(
    "free-bits", source="Kingma et al. 2016, eq. 15; Li et al. 2019", cost="none", version=1
)
class FreeBits(Remedy):
    """The KL term counts above a threshold alone, so that `target` nats of it are free.

    The threshold is of each dimension and row (`per` "row"), of each dimension's mean over the
    batch ("batch"), or of each row's total ("total"): three methods of one name. The term's
    weight rises from 0 to 1 over the first `warmup` epochs.
    """

    def __init__(
        self,
        *,
        target: Annotated[NotNegative, Range(0.5, 20.0, log=True)] = 4.0,
        per: Per = "row",
        warmup: NotNegative = 0.0,
    ) -> None:
        super().__init__()
        self.target, self.per, self.warmup = target, per, warmup

    def loss(self, batch: Batch) -> Float[Tensor, " n"]:
        weight = warmed_up(batch.progress, self.warmup)
        return batch.reconstruction + weight * free_bits(batch.kl, self.target, self.per)
