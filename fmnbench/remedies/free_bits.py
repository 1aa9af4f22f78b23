"""Free bits: no gain from a KL below a threshold."""

from typing import Annotated

from jaxtyping import Float
from torch import Tensor

from fmnbench.registry import NotNegative, Range, remedies
from fmnbench.remedies.base import Batch, Remedy
from fmnbench.remedies.kl_term import Per, free_bits, warmed_up


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
        weight = warmed_up(batch.progress.epoch, self.warmup)
        return batch.reconstruction + weight * free_bits(batch.kl, self.target, self.per)
