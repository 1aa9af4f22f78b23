"""Linear annealing of the KL term."""

from jaxtyping import Float
from torch import Tensor

from fmnbench.registry import NotNegative, Share, remedies
from fmnbench.remedies.base import Batch, Remedy
from fmnbench.remedies.kl_term import warmed_up


@remedies.register("annealing", source="Bowman et al. 2016, sec. 3.1", cost="none", version=1)
class Annealing(Remedy):
    """The KL term's weight rises from `start` to 1 over the first `warmup` epochs.

    With the start of He et al. (2019), 0.1, and their 10 epochs.
    """

    def __init__(self, *, start: Share = 0.1, warmup: NotNegative = 10.0) -> None:
        super().__init__()
        self.start, self.warmup = start, warmup

    def loss(self, batch: Batch) -> Float[Tensor, " n"]:
        weight = warmed_up(batch.progress.epoch, self.warmup, self.start)
        return batch.reconstruction + weight * batch.kl.sum(1)
