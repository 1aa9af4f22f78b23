"""A VAE around another one: what a remedy changes, and the rest as it was."""

from jaxtyping import Float, Num
from torch import Tensor

from fmnbench.architectures.base import VAE, Trunk
from fmnbench.nn.distributions import DiagonalNormal, Likelihood


class Around(VAE):
    """Does what the VAE within does; a remedy overrides what is different."""

    def __init__(self, within: VAE) -> None:
        super().__init__()
        self.within = within
        self.latent = within.latent

    def encode(self, x: Num[Tensor, "n x"]) -> DiagonalNormal:
        return self.within.encode(x)

    def decode(self, z: Float[Tensor, "... d"]) -> Likelihood:
        return self.within.decode(z)

    @property
    def prior(self) -> DiagonalNormal:
        """The prior of the VAE within."""
        return self.within.prior

    def fresh_trunk(self) -> Trunk:
        """Returns new layers as the VAE within does."""
        return self.within.fresh_trunk()

    def shared_trunk(self) -> Trunk:
        """Returns layers of the encoder within; Declined where it has none to share."""
        return self.within.shared_trunk()

    def exact_log_likelihood(self, x: Num[Tensor, "n x"]) -> Float[Tensor, " n"]:
        """Returns log p(x) of each row in nats; Declined where it has no closed form."""
        return self.within.exact_log_likelihood(x)
