"""The decoder of resnet-pixelcnn alone: what a model of its kind reaches without a latent."""

import math
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from fmnbench.architectures.base import VAE
from fmnbench.errors import Declined
from fmnbench.nn.distributions import AutoregressiveBernoulli, DiagonalNormal
from fmnbench.nn.pixelcnn_layers import PixelNetwork
from fmnbench.registry import architectures

SIDE = 28  # pixels


@architectures.register("pixelcnn", source="He et al. 2019", version=1)
class PixelCNN(VAE):
    """The decoder of resnet-pixelcnn without z: its likelihood is exact, its KL zero."""

    kinds: ClassVar = ("images",)
    image_shape: ClassVar = (SIDE, SIDE)
    latent = 0

    def __init__(
        self, width: int, *, channels: int = 64, blocks: int = 13, skips: bool = True
    ) -> None:
        if width != math.prod(self.image_shape):
            raise Declined(f"pixelcnn takes images of 28×28 pixels; rows have {width} values")
        super().__init__()
        self.decoder = PixelNetwork(SIDE, latent=0, channels=channels, blocks=blocks, skips=skips)

    def encode(self, x: Float[Tensor, "n 784"]) -> DiagonalNormal:
        nothing = x.new_zeros(len(x), 0)
        return DiagonalNormal(nothing, nothing)

    def decode(self, z: Float[Tensor, "*k 0"]) -> AutoregressiveBernoulli:
        return AutoregressiveBernoulli(self.decoder, z)

    def exact_log_likelihood(self, x: Float[Tensor, "n 784"]) -> Float[Tensor, " n"]:
        log_likelihood: Tensor = self.decode(x.new_zeros(len(x), 0)).log_prob(x)
        return log_likelihood
