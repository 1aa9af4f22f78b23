"""Residual encoder and autoregressive decoder for images of 28×28 pixels."""

import math
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from fmnbench.architectures.base import VAE, Trunk
from fmnbench.errors import Declined
from fmnbench.nn.distributions import AutoregressiveBernoulli, DiagonalNormal
from fmnbench.nn.pixelcnn_layers import PixelNetwork, initialise_as_he
from fmnbench.registry import Count, architectures

SIDE = 28  # pixels
STRIDED = 3  # residual blocks of the encoder: 28 → 14 → 7 → 4 pixels a side
LAST = 4  # pixels that are left
FEATURES = 512  # of the one pixel that the encoder ends with


@architectures.register(
    "resnet-pixelcnn", source="He et al. 2019; Menon et al. 2022, supplement", version=2
)
class ResNetPixelCNN(VAE):
    """Three residual blocks encode; a PixelCNN of residual masked convolutions decodes, in bits.

    He et al.'s code with ELU and its initial weights, except for normalisation: theirs runs over
    the rows of a batch; here it runs within a row, over all maps of the encoder and pixel by pixel
    in the decoder. A block of the decoder has half its `channels` inside. `blocks` have kernels
    of 7, 5 and 3 pixels, a third each; `skips` connect each block with the third before it.
    """

    kinds: ClassVar = ("images",)
    image_shape: ClassVar = (SIDE, SIDE)

    def __init__(
        self,
        width: int,
        *,
        latent: Count = 32,
        channels: int = 64,
        blocks: int = 13,
        skips: bool = True,
    ) -> None:
        if width != math.prod(self.image_shape):
            raise Declined(
                f"resnet-pixelcnn takes images of 28×28 pixels; rows have {width} values"
            )
        super().__init__()
        self.latent = latent
        self.channels = channels
        self.encoder = _encoder(channels)
        self.posterior_head = nn.Linear(FEATURES, 2 * latent)
        nn.init.xavier_uniform_(self.posterior_head.weight)
        nn.init.zeros_(self.posterior_head.bias)
        self.decoder = PixelNetwork(
            SIDE, latent=latent, channels=channels, blocks=blocks, skips=skips
        )

    def encode(self, x: Float[Tensor, "n 784"]) -> DiagonalNormal:
        mean, log_variance = self.posterior_head(self.encoder(x)).chunk(2, -1)
        return DiagonalNormal(mean, log_variance)

    def decode(self, z: Float[Tensor, "*k d"]) -> AutoregressiveBernoulli:
        return AutoregressiveBernoulli(self.decoder, z)

    def fresh_trunk(self) -> Trunk:
        """New layers like the encoder's, with initial weights of the same kind."""
        return Trunk(shared=nn.Identity(), own=_encoder(self.channels), width=FEATURES)

    def shared_trunk(self) -> Trunk:
        """The encoder's residual blocks, and a new convolution to the features."""
        own = _convolutions(*_features(self.channels))
        return Trunk(shared=self.encoder[: 1 + STRIDED], own=own, width=FEATURES)


class Residual(nn.Module):
    """Two 3×3 convolutions, the first with stride 2, beside a 1×1 one; with ELU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        # at every second pixel; its stride is a slice, since the gradient of a strided 1×1
        # convolution below 16 channels writes beyond its memory in oneDNN (torch 2.13, AVX-512)
        self.beside = nn.Conv2d(inputs, outputs, 1, bias=False)
        # one group: mean and variance are those of a row's maps as a whole
        self.norms = nn.ModuleList(nn.GroupNorm(1, outputs) for _ in range(3))

    def forward(self, h: Float[Tensor, "n i p q"]) -> Float[Tensor, "n o r s"]:
        first, second, beside = self.norms
        inner = F.elu(first(self.first(h)))
        return F.elu(second(self.second(inner)) + beside(self.beside(h[:, :, ::2, ::2])))


def _encoder(channels: int) -> nn.Sequential:
    inputs = (1, *[channels] * (STRIDED - 1))
    blocks = [Residual(each, channels) for each in inputs]
    layers = (nn.Unflatten(1, (1, SIDE, SIDE)), *blocks, *_features(channels))
    return _convolutions(*layers)


def _features(channels: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(channels, FEATURES, LAST, bias=False)
    return convolution, nn.GroupNorm(1, FEATURES), nn.ELU(), nn.Flatten()


def _convolutions(*layers: nn.Module) -> nn.Sequential:
    """Layers with He et al.'s initial weights, in the memory order that is fastest on a CPU."""
    network = nn.Sequential(*layers)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            initialise_as_he(layer.weight, math.prod(layer.kernel_size) * layer.out_channels)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
