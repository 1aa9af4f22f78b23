"""Masked convolutions: a network that predicts each pixel of an image from those before it."""

from collections.abc import Callable
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

MAPS = 4  # feature maps made from z, He et al. 2019
KERNELS = (7, 5, 3)  # of the first, second and last third of the blocks, in pixels
SKIPPED = 3  # blocks that a connection skips
ROWS = {"cpu": 64}  # images per pass: the values of the layers fit into the cache of a CPU
ACCELERATOR_ROWS = 1024
DRAWS = 512  # images drawn in parallel; it bounds memory


class MaskedConvolution(nn.Module):
    """A convolution over the pixels before each one in raster order, and itself if `own`.

    Channels are the last axis. Only the visible rows of the kernel are stored.
    """

    mask: Tensor

    def __init__(self, inputs: int, outputs: int, kernel: int, *, own: bool) -> None:
        super().__init__()
        self.reach = kernel // 2
        weight, bias = torch.empty(outputs, inputs, self.reach + 1, kernel), torch.empty(outputs)
        self.weight = nn.Parameter(initialise_as_he(weight, kernel**2 * outputs))
        # not zero: at the first pixels all channels would be equal, and normalising equal values
        # multiplies gradients by hundreds in each layer
        self.bias = nn.Parameter(initialise_as_he(bias, kernel**2 * outputs))
        mask = torch.ones(self.reach + 1, kernel)
        mask[-1, self.reach + own :] = 0
        self.register_buffer("mask", mask, persistent=False)

    @property
    def seen(self) -> Float[Tensor, "o i p q"]:
        """The kernel, zero at the invisible pixels."""
        return self.weight * self.mask

    def forward(self, h: Float[Tensor, "n s s i"]) -> Float[Tensor, "n s s o"]:
        # padding also adds rows below; cutting off their output is faster than padding above only
        kernel = self.seen.contiguous(memory_format=torch.channels_last)
        padding = (self.reach, self.reach)
        maps = F.conv2d(h.permute(0, 3, 1, 2), kernel, self.bias, padding=padding)
        return maps[:, :, : h.shape[1]].permute(0, 2, 3, 1)


# The output of a masked convolution: of whole images, or of one pixel of each with a memory
Convolve: TypeAlias = Callable[[MaskedConvolution, Tensor], Tensor]


class Block(nn.Module):
    """A residual bottleneck: 1×1, masked and 1×1 convolutions, each normalised, with ELU."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        inner = channels // 2
        self.enter = nn.Linear(channels, inner, bias=False)
        self.masked = MaskedConvolution(inner, inner, kernel, own=True)
        self.leave = nn.Linear(inner, channels, bias=False)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for width in (inner, inner, channels))
        for layer in (self.enter, self.leave):
            initialise_as_he(layer.weight, layer.out_features)

    def forward(self, h: Float[Tensor, "*n c"], convolve: Convolve) -> Float[Tensor, "*n c"]:
        first, second, third = self.norms
        inner = F.elu(first(self.enter(h)))
        inner = F.elu(second(convolve(self.masked, inner)))
        return F.elu(third(self.leave(inner)) + h)


class PixelNetwork(nn.Module):
    """The logit of each pixel of square images, from the pixels before it and z.

    The decoder of He et al. (2019): a masked convolution of the image and of z as feature maps,
    then residual blocks. With `skips`, the output of the third block before, passed through a
    block of its own, is added to the input of a block. The normalisation differs: it is over the
    channels of one pixel, not over a batch, so neither other rows nor later pixels affect a pixel.
    """

    def __init__(self, side: int, *, latent: int, channels: int, blocks: int, skips: bool) -> None:
        super().__init__()
        self.side = side
        self.pixels = side * side
        self.latent = latent
        kernels = [KERNELS[len(KERNELS) * number // blocks] for number in range(blocks)]
        self.image = MaskedConvolution(1, channels, kernels[0], own=False)
        if latent:
            self.maps = nn.Linear(latent, MAPS * self.pixels)
            self.spread = nn.Conv2d(MAPS, channels, kernels[0], padding="same", bias=False)
            nn.init.xavier_uniform_(self.maps.weight)
            nn.init.zeros_(self.maps.bias)
            initialise_as_he(self.spread.weight, kernels[0] ** 2 * channels)
        self.norm = nn.LayerNorm(channels)
        self.blocks = nn.ModuleList(Block(channels, kernel) for kernel in kernels[1:])
        connected = kernels[1:-1] if skips else []
        self.skips = nn.ModuleList(Block(channels, kernel) for kernel in connected)
        self.output = nn.Sequential(
            nn.Linear(channels, channels, bias=False),
            nn.LayerNorm(channels),
            nn.ELU(),
            nn.Linear(channels, 1),
        )

    def logits(self, x: Float[Tensor, "n x"], z: Float[Tensor, "k n d"]) -> Float[Tensor, "k n x"]:
        """Returns logits of each row's pixels at each of its k samples of z.

        The first convolution of x is computed once for all k; without a latent, so is the rest.
        """
        rows = ROWS.get(x.device.type, ACCELERATOR_ROWS)
        maps = self._latent_maps() if self.latent else None
        columns = []
        for images, samples in zip(x.split(rows), z.split(rows, 1), strict=True):
            h = self.image(images.reshape(-1, self.side, self.side, 1))
            if maps is None:
                columns.append(self._pixels(h, _whole).flatten(1).expand(len(z), -1, -1))
                continue
            together = max(1, rows // max(1, len(images)))
            parts = [
                self._pixels((h + _at(part, maps)).flatten(0, 1), _whole)
                .flatten(1)
                .view(len(part), *images.shape)
                for part in samples.split(together)
            ]
            columns.append(torch.cat(parts))
        return torch.cat(columns, 1)

    def draw(self, z: Float[Tensor, "n d"], uniform: Float[Tensor, "n x"]) -> Float[Tensor, "n x"]:
        """Returns one image for each z: a pixel is 1 where its uniform number is below its mean.

        Each layer computes each pixel once, so a draw costs as much as one pass over the image.
        """
        maps = self._latent_maps() if self.latent else None
        parts = zip(z.split(DRAWS), uniform.split(DRAWS), strict=True)
        return torch.cat([self._drawn(part, numbers, maps) for part, numbers in parts])

    def _drawn(
        self, z: Float[Tensor, "n d"], uniform: Float[Tensor, "n x"], maps: Tensor | None
    ) -> Float[Tensor, "n x"]:
        of_z = None if maps is None else _at(z, maps)
        memory = Memory(self, len(z))
        x = torch.empty_like(uniform)
        unknown = uniform.new_zeros(len(z), 1)
        for pixel in range(self.pixels):
            row, column = divmod(pixel, self.side)
            memory.move(row, column)
            h = memory(self.image, unknown)
            if of_z is not None:
                h = h + of_z[:, row, column]
            mean = torch.sigmoid(self._pixels(h, memory)[:, 0])
            x[:, pixel] = uniform[:, pixel] < mean
            memory.keep(self.image, x[:, pixel, None])
        return x

    def _pixels(self, h: Float[Tensor, "*n c"], convolve: Convolve) -> Float[Tensor, "*n 1"]:
        """Returns the logits after the first convolution, of whole images or of one pixel each."""
        h = F.elu(self.norm(h))
        outputs = [h]
        for block in self.blocks:
            if self.skips and len(outputs) >= SKIPPED:
                h = h + self.skips[len(outputs) - SKIPPED](outputs[-SKIPPED], convolve)
            h = block(h, convolve)
            outputs.append(h)
        if self.skips:
            h = h + self.skips[-1](outputs[-SKIPPED], convolve)
        logits: Tensor = self.output(h)
        return logits

    def _latent_maps(self) -> Float[Tensor, "e s s c"]:
        """Returns the contribution of each dimension of z to the first convolution, bias last.

        Linear map and convolution are combined: d + 1 images, for any number of z.
        """
        each = torch.cat([self.maps.weight.T, self.maps.bias[None]])
        maps: Tensor = self.spread(each.view(-1, MAPS, self.side, self.side))
        return maps.permute(0, 2, 3, 1).contiguous()


class Memory:
    """The last rows of the input of each masked convolution, while images are drawn by pixel.

    The contribution of the rows above is computed once for each row of pixels.
    """

    def __init__(self, network: PixelNetwork, images: int) -> None:
        self._column = 0
        self._windows = {
            layer: Window(layer, images, network.side)
            for layer in network.modules()
            if isinstance(layer, MaskedConvolution)
        }

    def move(self, row: int, column: int) -> None:
        """Moves to the next pixel."""
        self._column = column
        if row and not column:
            for window in self._windows.values():
                window.next_row()

    def keep(self, layer: MaskedConvolution, h: Float[Tensor, "n i"]) -> None:
        """Stores the input of a layer at this pixel."""
        self._windows[layer].rows[:, -1, layer.reach + self._column] = h

    def __call__(self, layer: MaskedConvolution, h: Float[Tensor, "n i"]) -> Float[Tensor, "n o"]:
        self.keep(layer, h)
        return self._windows[layer].at(self._column)


class Window:
    """The input rows in reach of one masked convolution, of several images."""

    def __init__(self, layer: MaskedConvolution, images: int, side: int) -> None:
        outputs, inputs, height, _ = layer.weight.shape
        self.reach = layer.reach
        self.rows = layer.weight.new_zeros(images, height, side + 2 * layer.reach, inputs)
        # the kernel's rows above, and the part of its last row up to the pixel itself
        self.above = layer.seen[:, :, :-1].contiguous(memory_format=torch.channels_last)
        self.beside = layer.seen[:, :, -1, :height].permute(2, 1, 0).reshape(-1, outputs)
        self.bias = layer.bias
        # of_above[column, image]: the contribution of the rows above, and the bias
        self.of_above = layer.bias.expand(side, images, outputs)

    def next_row(self) -> None:
        """Shifts the rows up by one; the new last row is empty."""
        self.rows = torch.cat([self.rows[:, 1:], torch.zeros_like(self.rows[:, :1])], 1)
        maps = F.conv2d(self.rows[:, :-1].permute(0, 3, 1, 2), self.above, self.bias)
        self.of_above = maps[:, :, 0].permute(2, 0, 1).contiguous()

    def at(self, column: int) -> Float[Tensor, "n o"]:
        """Returns the convolution at a column of the last row."""
        beside = self.rows[:, -1, column : column + self.reach + 1].flatten(1)
        return torch.addmm(self.of_above[column], beside, self.beside)


def _whole(layer: MaskedConvolution, h: Float[Tensor, "n s s i"]) -> Float[Tensor, "n s s o"]:
    result: Tensor = layer(h)
    return result


def _at(z: Float[Tensor, "*n d"], maps: Float[Tensor, "e s s c"]) -> Float[Tensor, "*n s s c"]:
    """Returns the contribution of z to the first convolution: a sum of its maps, and the bias."""
    weights = maps.flatten(1)
    sums = torch.addmm(weights[-1], z.flatten(0, -2), weights[:-1])
    return sums.view(*z.shape[:-1], *maps.shape[1:])


def initialise_as_he(weight: Tensor, fan_out: int) -> Tensor:
    """Draws a convolution's weights in place from N(0, 2 / fan_out), as He et al.'s (2019) code.

    `fan_out` is kernel height × kernel width × output channels. Returns the weights.
    """
    with torch.no_grad():
        return weight.normal_(std=(2 / fan_out) ** 0.5)
