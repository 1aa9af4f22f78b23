"""The β-VAE's objective: the KL term with a constant weight."""

from typing import Annotated

from jaxtyping import Float
from torch import Tensor

from fmnbench.errors import UsageError
from fmnbench.registry import Range, remedies
from fmnbench.remedies.base import Objective, Progress


@remedies.register("beta", source="Higgins et al. 2017, eq. 4", version=1)
class Beta(Objective):
    """Reconstruction + β · KL with a constant β ≥ 0; below 1 it trades likelihood for use of z."""

    def __init__(self, *, beta: Annotated[float, Range(0.01, 2.0, log=True)] = 0.5) -> None:
        super().__init__()
        if beta < 0:
            raise UsageError(f"beta is {beta}; it must be 0 or above.")
        self.beta = beta

    def forward(
        self,
        reconstruction: Float[Tensor, " n"],
        kl: Float[Tensor, "n d"],
        progress: Progress,
    ) -> Float[Tensor, " n"]:
        return reconstruction + self.beta * kl.sum(1)
