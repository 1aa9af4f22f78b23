"""The hybrid critic: the neural critic on top of the encoder's own first layers."""

from fmnbench.architectures.base import VAE, Trunk
from fmnbench.critics.neural import NeuralCritic
from fmnbench.registry import critics


@critics.register("hybrid", source="Menon et al. 2022, sec. 3", version=1)
class HybridCritic(NeuralCritic):
    """The neural critic, its x network sharing the encoder's first layers.

    Declines where the architecture offers none, as the report's toy encoder.
    """

    def trunk(self, vae: VAE) -> Trunk:
        return vae.shared_trunk()
