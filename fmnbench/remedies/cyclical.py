"""Cyclical annealing of the KL term."""

from jaxtyping import Float
from torch import Tensor

from fmnbench.registry import Count, Share, remedies
from fmnbench.remedies.base import Batch, Progress, Remedy


@remedies.register("cyclical", source="Fu et al. 2019, eq. 6", cost="none", version=1)
class Cyclical(Remedy):
    """The KL term's weight rises from 0 to 1 over a share `ramp` of each of the `cycles`.

    The cycles divide the track's epochs into equal parts; the last one ends with the weight 1.
    """

    def __init__(self, *, cycles: Count = 4, ramp: Share = 0.5) -> None:
        super().__init__()
        self.cycles, self.ramp = cycles, ramp

    def weight(self, progress: Progress) -> float:
        """Returns the weight of the KL term, from 0 to 1."""
        if progress.share >= 1:
            return 1.0
        of_cycle = progress.share * self.cycles % 1
        return of_cycle / self.ramp if of_cycle < self.ramp else 1.0

    def loss(self, batch: Batch) -> Float[Tensor, " n"]:
        return batch.reconstruction + self.weight(batch.progress) * batch.kl.sum(1)
