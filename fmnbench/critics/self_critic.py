"""The self critic: the encoder's own posterior scores the pairs."""

from jaxtyping import Float, Num
from torch import Tensor

from fmnbench.architectures.base import VAE
from fmnbench.critics.base import Critic, Direction, contrastive_loss
from fmnbench.nn.distributions import DiagonalNormal
from fmnbench.nn.pairs import pairwise_features
from fmnbench.registry import critics


@critics.register("self", source="Menon et al. 2022, sec. 3", version=1)
class SelfCritic(Critic):
    """Scores a pair by log q(z|x) of the encoder itself; has no parameters.

    scores[i, j] = log q(z_i | x_j) / temperature. At temperature 1 and direction "x" the loss is
    InfoNCE with the known conditional (Poole et al. 2019, sec. 2.4).
    """

    bounds_information = True

    def __init__(self, vae: VAE, *, temperature: float = 1.0, direction: Direction = "x") -> None:
        super().__init__(vae)
        self.temperature = temperature
        self.direction = direction

    def forward(
        self, x: Num[Tensor, "n x"], z: Float[Tensor, "n d"], q: DiagonalNormal
    ) -> Float[Tensor, ""]:
        a, b = pairwise_features(z, q.mean, q.log_variance)
        return contrastive_loss(a / self.temperature, b, self.direction).to(z.dtype)
