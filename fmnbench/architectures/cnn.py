"""Convolutional encoder and decoder for images of 28×28 pixels."""

import math
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from fmnbench.architectures.base import VAE, Trunk
from fmnbench.errors import Declined
from fmnbench.nn.distributions import (
    DiagonalNormal,
    IndependentBernoulli,
    IsotropicNormal,
    Likelihood,
)
from fmnbench.registry import Count, Positive, architectures

SIDE = 28  # pixels
FEATURES = 512  # of the one pixel that the encoder ends with
LAYERS = (  # channels in, channels out, kernel, stride; the decoder's are the same, backwards
    (1, 32, 3, 1),  # 28 → 26 pixels a side
    (32, 64, 4, 2),  # → 12
    (64, 128, 4, 2),  # → 5
    (128, 256, 3, 2),  # → 2
    (256, FEATURES, 2, 1),  # → 1
)
SHARED = 4  # convolutions that a hybrid critic takes from the encoder
FEW_PIXELS = 4  # of an input, up to which a product is faster than torch's transposed convolution


@architectures.register("cnn", source="project report, Table 2", version=1)
class CNN(VAE):
    """Five convolutions with ReLU; five transposed ones mirror them, with ReLU between.

    A linear map stands between them and the latent space on either side. A gaussian likelihood has
    one fixed `variance` and means between 0 and 1, by a sigmoid: at ½ it is the squared error
    Σ(x − x̂)² with its constant kept.
    """

    image_shape: ClassVar = (SIDE, SIDE)

    def __init__(
        self,
        width: int,
        *,
        latent: Count = 32,
        likelihood: Literal["gaussian", "bernoulli"] = "gaussian",
        variance: Positive = 0.5,
    ) -> None:
        if width != math.prod(self.image_shape):
            raise Declined(f"cnn takes images of 28×28 pixels; rows have {width} values")
        super().__init__()
        self.latent = latent
        self.likelihood = likelihood
        self.variance = variance
        self.encoder = _convolutions()
        self.posterior_head = nn.Linear(FEATURES, 2 * latent)
        self.decoder_head = nn.Linear(latent, FEATURES)
        self.decoder = nn.ModuleList(
            nn.ConvTranspose2d(outputs, inputs, kernel, stride)
            for inputs, outputs, kernel, stride in reversed(LAYERS)
        ).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it

    def encode(self, x: Float[Tensor, "n 784"]) -> DiagonalNormal:
        mean, log_variance = self.posterior_head(self.encoder(x)).chunk(2, -1)
        return DiagonalNormal(mean, log_variance)

    def decode(self, z: Float[Tensor, "*k d"]) -> Likelihood:
        h = self.decoder_head(z.reshape(-1, self.latent))[:, :, None, None]
        *layers, last = self.decoder
        for layer in layers:
            assert isinstance(layer, nn.ConvTranspose2d)
            few = h.shape[2] * h.shape[3] <= FEW_PIXELS
            h = F.relu(_transposed(h, layer) if few else layer(h), inplace=True)
        output = last(h).reshape(*z.shape[:-1], SIDE * SIDE)
        if self.likelihood == "bernoulli":
            return IndependentBernoulli(output)
        # bfloat16 has no number between 0.996 and 1
        return IsotropicNormal(torch.sigmoid(output.to(z.dtype)), self.variance)

    def fresh_trunk(self) -> Trunk:
        """Returns five new convolutions like the encoder's."""
        return Trunk(shared=nn.Identity(), own=_convolutions(), width=FEATURES)

    def shared_trunk(self) -> Trunk:
        """Returns the encoder's first four convolutions, and a new fifth."""
        own = nn.Sequential(*_layer(*LAYERS[SHARED]), nn.Flatten())
        first = self.encoder[: 1 + 2 * SHARED]  # after the unflattening, each with its ReLU
        return Trunk(shared=first, own=_channels_last(own), width=FEATURES)


def _convolutions() -> nn.Sequential:
    layers = [module for layer in LAYERS for module in _layer(*layer)]
    return _channels_last(nn.Sequential(nn.Unflatten(1, (1, SIDE, SIDE)), *layers, nn.Flatten()))


def _layer(inputs: int, outputs: int, kernel: int, stride: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(inputs, outputs, kernel, stride), nn.ReLU(inplace=True)


def _channels_last(layers: nn.Sequential) -> nn.Sequential:
    """Returns layers with their weights in the order that a CPU is fastest with."""
    return layers.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _transposed(
    h: Float[Tensor, "n c p q"], layer: nn.ConvTranspose2d
) -> Float[Tensor, "n o r s"]:
    """Returns layer(h) as one matrix product and a sum of overlapping patches.

    Of an input with a few pixels, in half the time of the layer itself.
    """
    n, channels, height, width = h.shape
    (kernel, _), (stride, _) = layer.kernel_size, layer.stride
    outputs = layer.out_channels
    weight = layer.weight.permute(0, 2, 3, 1).reshape(channels, -1)
    pixels = h.permute(0, 2, 3, 1).reshape(-1, channels)
    # patches[i, y, x] is what pixel (y, x) of image i adds to the outputs around it
    patches = (pixels @ weight).view(n, height, width, kernel, kernel, outputs)
    assert layer.bias is not None
    rows, columns = (height - 1) * stride + kernel, (width - 1) * stride + kernel
    total = layer.bias.expand(n, rows, columns, outputs).clone()
    for y in range(height):
        for x in range(width):
            top, left = y * stride, x * stride
            total[:, top : top + kernel, left : left + kernel] += patches[:, y, x]
    return total.permute(0, 3, 1, 2)
