"""The neural critic: separate networks embed x and z, and their cosine scores the pair."""

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn
from torch.nn import functional as F

from fmnbench.architectures.base import VAE, Trunk
from fmnbench.critics.base import CLIP_TEMPERATURE, Critic, Direction, contrastive_loss
from fmnbench.nn.distributions import DiagonalNormal
from fmnbench.registry import critics


@critics.register("neural", source="Menon et al. 2022, sec. 3; project report", version=1)
class NeuralCritic(Critic):
    """Scores a pair by the cosine of two learned embeddings times a learned factor τ.

    x passes through layers like the encoder's, then `x_hidden` units, to an embedding; z through
    `z_hidden` units. τ starts at log(1/0.07) and is multiplied in as it is: the report's
    convention, where CLIP's would exponentiate it.
    """

    bounds_information = True

    def __init__(
        self,
        vae: VAE,
        *,
        x_hidden: int = 256,
        z_hidden: int = 64,
        embedding: int = 128,
        temperature: float = CLIP_TEMPERATURE,
        direction: Direction = "both",
    ) -> None:
        super().__init__(vae)
        trunk = self.trunk(vae)
        self._shared = (trunk.shared,)  # in a tuple: these weights are the VAE's, not ours
        self.x_network = nn.Sequential(
            trunk.own, nn.Linear(trunk.width, x_hidden), nn.ReLU(), nn.Linear(x_hidden, embedding)
        )
        self.z_network = nn.Sequential(
            nn.Linear(vae.latent, z_hidden), nn.ReLU(), nn.Linear(z_hidden, embedding)
        )
        self.scale = nn.Parameter(torch.tensor(temperature, dtype=torch.float64))
        self.direction = direction

    def trunk(self, vae: VAE) -> Trunk:
        """Returns the first layers of the x network: all its own."""
        return vae.fresh_trunk()

    def forward(
        self, x: Num[Tensor, "n x"], z: Float[Tensor, "n d"], q: DiagonalNormal
    ) -> Float[Tensor, ""]:
        (shared,) = self._shared
        # cosines of unit vectors lose nothing that matters in float32, and are twice as fast
        a = F.normalize(self.z_network(z), dim=1).float().T
        b = F.normalize(self.x_network(shared(x)), dim=1).float().T
        return contrastive_loss(self.scale.float() * a, b, self.direction).to(z.dtype)
