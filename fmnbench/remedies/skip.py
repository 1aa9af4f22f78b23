"""Skip-VAE: z reaches every layer of the decoder."""

from jaxtyping import Float
from torch import Tensor, nn

from fmnbench.architectures.base import VAE
from fmnbench.architectures.mlp import MLP
from fmnbench.errors import Declined
from fmnbench.nn.distributions import Likelihood
from fmnbench.registry import remedies
from fmnbench.remedies.around import Around
from fmnbench.remedies.base import Remedy


class SkipMLP(Around):
    """An mlp whose decoder adds a linear map of z before the activation of each further layer."""

    within: MLP

    def __init__(self, within: MLP) -> None:
        super().__init__(within)
        layers = [layer for layer in (*within.decoder, within.output) if _is_linear(layer)]
        self.maps = nn.ModuleList(
            nn.Linear(within.latent, layer.out_features, bias=False) for layer in layers[1:]
        )

    def decode(self, z: Float[Tensor, "... d"]) -> Likelihood:
        mlp = self.within
        hidden, maps = z, [None, *self.maps]  # the first layer reads z itself
        for layer in (*mlp.decoder, mlp.output):
            hidden = layer(hidden)
            skip = maps.pop(0) if _is_linear(layer) else None
            if skip is not None:
                hidden = hidden + skip(z)
        return mlp.likelihood_of(hidden)


def _is_linear(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Linear)


@remedies.register(
    "skip", source="Dieng et al. 2019, eq. 6", cost="a linear map a layer", version=1
)
class Skip(Remedy):
    """A linear map of z is added to each layer of the decoder; written for `mlp`.

    It declines other architectures.
    """

    def around(self, vae: VAE) -> VAE:
        if type(vae) is not MLP:
            raise Declined(f"skip connections are not written for {type(vae).__name__}")
        return SkipMLP(vae)
