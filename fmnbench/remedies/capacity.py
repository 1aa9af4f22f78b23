"""A target for the KL: the distance to it is penalised."""

from typing import Annotated

from jaxtyping import Float
from torch import Tensor

from fmnbench.registry import NotNegative, Range, remedies
from fmnbench.remedies.base import Batch, Remedy


@remedies.register(
    "capacity", source="Burgess et al. 2018, eq. 8; Prokhorov et al. 2019", cost="none", version=1
)
class Capacity(Remedy):
    """Reconstruction + `beta` · |KL − `target`|, of the batch's mean KL in nats."""

    def __init__(
        self,
        *,
        target: Annotated[NotNegative, Range(0.5, 20.0, log=True)] = 5.0,
        beta: NotNegative = 1.0,
    ) -> None:
        super().__init__()
        self.target, self.beta = target, beta

    def loss(self, batch: Batch) -> Float[Tensor, " n"]:
        return batch.reconstruction + self.beta * (batch.kl.sum(1).mean() - self.target).abs()
