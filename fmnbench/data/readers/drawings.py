"""Lake's drawings: PNG files of 105×105 or 28×28 pixels, made into rows of ink."""

import io
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from fmnbench.data.readers.omniglot_images import PIXELS, SIDE
from fmnbench.errors import DataError

LARGE_SIDE = 105  # pixels of the original drawings
UNITS = 15  # a large pixel is 4 quarters wide and a small one 3.75 pixels, which is 15 quarters
DARK = 128  # grey values below it are black; the originals are black and white only
BROKEN = (OSError, SyntaxError, ValueError, EOFError, zlib.error)  # what a broken PNG raises
BLOCK = 1_000  # images reduced at a time: 44 MB in float32


class Drawing(NamedTuple):
    """One drawing: its character (1 to 1,623), its drawer (1 to 20) and where it is white."""

    character: int
    drawer: int
    side: int  # pixels
    white: bytes  # a bit for each pixel, row by row

    @property
    def key(self) -> tuple[int, int]:
        """What no two drawings share."""
        return self.character, self.drawer


def drawn(image: Image.Image, character: int, drawer: int, place: str) -> Drawing:
    """Returns a square image as a drawing; one of another size is a DataError."""
    if image.size not in ((LARGE_SIDE, LARGE_SIDE), (SIDE, SIDE)):
        width, height = image.size
        raise DataError(f"{place} is {width}×{height} pixels; expected 105×105 or 28×28.")
    try:
        grey = np.frombuffer(image.convert("L").tobytes(), dtype=np.uint8)
    except BROKEN as error:
        raise DataError(f"{place} is not a whole PNG image: {error}") from error
    return Drawing(character, drawer, image.width, np.packbits(grey >= DARK).tobytes())


def opened(png: bytes, place: str) -> Image.Image:
    """Returns a PNG whose size is known and whose pixels are not unpacked yet."""
    try:
        return PngImageFile(io.BytesIO(png))
    except BROKEN as error:
        raise DataError(f"{place} is not a PNG image: {error}") from error


def overlaps() -> Float32[np.ndarray, "28 105"]:
    """Returns how many quarters of each large pixel lie in each of 28 equal small ones."""
    large, small = 4 * np.arange(LARGE_SIDE), UNITS * np.arange(SIDE)
    last = np.minimum(large + 4, small[:, None] + UNITS)
    first = np.maximum(large, small[:, None])
    return np.asarray(np.maximum(last - first, 0), dtype=np.float32)


def white_areas(
    drawings: Float32[np.ndarray, "n 105 105"],
) -> Float32[np.ndarray, "n 28 28"]:
    """Returns the white area of each small pixel, from 0 to 225, as exact whole numbers."""
    weights = overlaps()
    return np.asarray(weights @ drawings @ weights.T, dtype=np.float32)


def ink(drawings: Sequence[Drawing]) -> Float32[np.ndarray, "n 784"]:
    """Returns the share of ink in each of 28×28 pixels, from drawings of one size.

    Ink is whichever of black and white is the rarer over all drawings: black in Lake's files.
    105×105 pixels are reduced by area, which keeps each drawing's mean; 28×28 stay as they are.
    """
    side = drawings[0].side
    full = UNITS * UNITS if side == LARGE_SIDE else 1
    areas = np.empty((len(drawings), PIXELS), dtype=np.float32)
    for start in range(0, len(drawings), BLOCK):
        block = drawings[start : start + BLOCK]
        packed = np.frombuffer(b"".join(drawing.white for drawing in block), dtype=np.uint8)
        bits = np.unpackbits(packed.reshape(len(block), -1), axis=1, count=side * side)
        white = bits.reshape(-1, side, side).astype(np.float32)
        small = white_areas(white) if side == LARGE_SIDE else white
        areas[start : start + BLOCK] = small.reshape(-1, PIXELS)
    if areas.mean(dtype=np.float64) > full / 2:
        np.subtract(full, areas, out=areas)
    areas /= full
    return areas
