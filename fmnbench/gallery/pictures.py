"""Images that a trained model draws: a PNG for each run on images, from its kept weights."""

import io
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from fmnbench.architectures.base import VAE
from fmnbench.datasets.base import Splits
from fmnbench.errors import Declined
from fmnbench.rng import stream
from fmnbench.runs.run import trained
from fmnbench.spec import RunSpec

COLUMNS = 12  # images side by side
DRAWN = 3  # rows of draws from the prior, below a row of test images and one of reconstructions
GAP, MARGIN = 1, 3  # pixels between images, and between reconstructions and draws
SCALE = 2  # screen pixels per pixel
PAPER, LINES = 255, 160  # grey values


def picture(spec: RunSpec, splits: Splits, weights: Path) -> bytes:
    """Returns a PNG of a run: test images, their reconstructions, draws from the prior.

    Reconstructions are decoder means at one posterior sample, draws decoder means at z ~ p(z); a
    decoder without a mean is sampled. Ink is dark. The same weights give the same picture.

    Raises:
        Declined: the dataset has no images.
        RecordError: the weights cannot be read or are of another model.
    """
    if splits.kind != "images" or splits.image_shape is None:
        raise Declined(f"dataset '{spec.track.dataset}' has no images")
    vae = trained(spec, splits, weights)
    return _png(_grid(_images(vae, splits, spec.seed), splits.image_shape))


@torch.no_grad()
def _images(vae: VAE, splits: Splits, seed: int) -> list[Float[Tensor, "c x"]]:
    """Returns the rows of the picture, each of COLUMNS images."""
    x = splits.test[:COLUMNS]
    generator = stream(seed, "picture")
    z = vae.encode(x).rsample(generator=generator)
    prior = vae.prior.rsample((DRAWN * COLUMNS,), generator=generator)
    drawn = [_seen(vae, part, generator) for part in (z, *prior.split(COLUMNS))]
    return [x, *drawn]


def _seen(vae: VAE, z: Float[Tensor, "c d"], generator: torch.Generator) -> Float[Tensor, "c x"]:
    likelihood = vae.decode(z)
    try:
        return likelihood.mean
    except Declined:
        return likelihood.sample(generator=generator)


def _grid(rows: list[Float[Tensor, "c x"]], shape: tuple[int, int]) -> UInt8[Tensor, "h w"]:
    """Returns the images side by side, ink dark, with a wider gap above the draws."""
    height, width = shape
    tall = len(rows) * (height + GAP) + GAP + MARGIN
    grid = torch.full((tall, COLUMNS * (width + GAP) + GAP), LINES, dtype=torch.uint8)
    for number, row in enumerate(rows):
        top = GAP + number * (height + GAP) + (MARGIN if number > 1 else 0)
        grey = (PAPER * (1 - row.clamp(0, 1))).round().to(torch.uint8)
        for column, image in enumerate(grey.view(-1, height, width)):
            left = GAP + column * (width + GAP)
            grid[top : top + height, left : left + width] = image
    return grid


def _png(grid: UInt8[Tensor, "h w"]) -> bytes:
    image = Image.fromarray(grid.numpy())
    large = image.resize((SCALE * image.width, SCALE * image.height), Image.Resampling.NEAREST)
    file = io.BytesIO()
    large.save(file, "PNG", optimize=True)
    return file.getvalue()
