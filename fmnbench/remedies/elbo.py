"""The plain evidence lower bound."""

from jaxtyping import Float
from torch import Tensor

from fmnbench.registry import remedies
from fmnbench.remedies.base import Objective, Progress


@remedies.register("elbo", source="Kingma & Welling 2014, eq. 3", version=1)
class ELBO(Objective):
    """The negative evidence lower bound: reconstruction + KL."""

    def forward(
        self,
        reconstruction: Float[Tensor, " n"],
        kl: Float[Tensor, "n d"],
        progress: Progress,
    ) -> Float[Tensor, " n"]:
        return reconstruction + kl.sum(1)
