"""No critic: the plain objective, the row that every other is compared with."""

from jaxtyping import Float, Num
from torch import Tensor

from fmnbench.critics.base import Critic
from fmnbench.nn.distributions import DiagonalNormal
from fmnbench.registry import critics


@critics.register("none", source="Kingma & Welling 2014", version=1, lambda_range=None)
class NoCritic(Critic):
    """No contrastive term: the loss is the objective alone."""

    needs_latent = False

    def forward(
        self, x: Num[Tensor, "n x"], z: Float[Tensor, "n d"], q: DiagonalNormal
    ) -> Float[Tensor, ""]:
        return z.new_zeros(())
