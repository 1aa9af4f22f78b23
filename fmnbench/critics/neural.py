"""The neural critic: separate networks embed x and z, and their embeddings score the pair."""

from typing import Annotated, Literal

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn
from torch.nn import functional as F

from fmnbench.architectures.base import VAE, Trunk
from fmnbench.critics.base import CLIP_TEMPERATURE, Critic, Direction, contrastive_loss
from fmnbench.errors import UsageError
from fmnbench.nn.distributions import DiagonalNormal
from fmnbench.registry import Later, critics

Scores = Literal["cosine", "product"]


@critics.register("neural", source="Menon et al. 2022, sec. 3; project report", version=1)
class NeuralCritic(Critic):
    """Scores a pair by two learned embeddings, one of x and one of z.

    x passes through layers like the encoder's, then `x_hidden` units, to an embedding; z through
    `z_hidden` units. With `scores` cosine the score is the cosine of the two times a learned
    factor τ, which starts at `temperature` = log(1/0.07) and is multiplied in as it is: the
    report's convention, where CLIP's would exponentiate it. With product it is their plain inner
    product, without any factor, as Menon et al. (2022), who name neither; `temperature` then has
    no effect. The critic's own weights learn at `own_learning_rate`, or else at the track's.
    """

    bounds_information = True

    def __init__(  # noqa: PLR0913 - one parameter a setting
        self,
        vae: VAE,
        *,
        x_hidden: int = 256,
        z_hidden: int = 64,
        embedding: int = 128,
        temperature: float = CLIP_TEMPERATURE,
        direction: Direction = "both",
        scores: Annotated[Scores, Later()] = "cosine",
        own_learning_rate: Annotated[float | None, Later()] = None,
    ) -> None:
        super().__init__(vae)
        if own_learning_rate is not None and own_learning_rate <= 0:
            raise UsageError(f"own_learning_rate is {own_learning_rate}; it must be above 0.")
        trunk = self.trunk(vae)
        self._shared = (trunk.shared,)  # in a tuple: these weights are the VAE's, not ours
        self.x_network = nn.Sequential(
            trunk.own, nn.Linear(trunk.width, x_hidden), nn.ReLU(), nn.Linear(x_hidden, embedding)
        )
        self.z_network = nn.Sequential(
            nn.Linear(vae.latent, z_hidden), nn.ReLU(), nn.Linear(z_hidden, embedding)
        )
        self.scores = scores
        if scores == "cosine":
            self.scale = nn.Parameter(torch.tensor(temperature, dtype=torch.float64))
        self.direction = direction
        self.own_learning_rate = own_learning_rate

    def trunk(self, vae: VAE) -> Trunk:
        """Returns the first layers of the x network: all its own."""
        return vae.fresh_trunk()

    def forward(
        self, x: Num[Tensor, "n x"], z: Float[Tensor, "n d"], q: DiagonalNormal
    ) -> Float[Tensor, ""]:
        (shared,) = self._shared
        a, b = self.z_network(z), self.x_network(shared(x))
        if self.scores == "product":
            wide = torch.promote_types(z.dtype, torch.float32)  # products have no bound
            return contrastive_loss(a.to(wide).T, b.to(wide).T, self.direction).to(z.dtype)
        # cosines of unit vectors lose nothing that matters in float32, and are twice as fast
        a, b = F.normalize(a, dim=1).float().T, F.normalize(b, dim=1).float().T
        return contrastive_loss(self.scale.float() * a, b, self.direction).to(z.dtype)
