"""Omniglot from the arrays of others: a torch file (He et al.) and a MATLAB file (Burda et al.).

Lake's drawings and the hub's rows are read in `omniglot_lake`, re-exported here.
"""

import os
import pickle
import struct
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import torch
from jaxtyping import Float32
from scipy.io import loadmat, whosmat
from scipy.io.matlab import MatReadError

from fmnbench.data.readers import local_file
from fmnbench.data.readers.omniglot_images import (
    PIXELS,
    SIDE,
    VALIDATION,
    VALIDATION_PURPOSE,
    Images,
    are_bits,
)
from fmnbench.data.readers.omniglot_lake import from_hub_rows, from_lake
from fmnbench.data.readers.permutation import held_out
from fmnbench.errors import DataError

__all__ = ["BURDA", "Counts", "Images", "from_hub_rows", "from_lake", "from_mat", "from_pt"]

PT_FORM = "omniglot.pt, a list of 3 tensors (n, 1, 28, 28), or of 6 with labels in turn"
MAT_FORM = "chardata.mat with data (784, n) and testdata (784, n)"
MAT_ARRAYS = ("data", "testdata")
MAT_HEADER, MAT_COMPRESSED = 128, 15  # bytes of the header; the type of a compressed element
MOST_BYTES = 8  # a pixel, as a float64
SLACK = 1 << 20  # bytes of an array's header
CHUNK = 1 << 20  # bytes unpacked at a time


class Counts(NamedTuple):
    """Images of a source: those that train or validate, and those that test."""

    training: int
    test: int


BURDA = Counts(training=24_345, test=8_070)  # also what He et al. made their file from


def from_pt(path: Path, *, counts: Counts = BURDA) -> Images:
    """Returns the splits of a file of He et al. (2019), which has its own validation split.

    Raises DataError where it holds anything but tensors (reading it runs no code), other
    shapes or counts, or values outside [0, 1]. Shapes and counts are checked before pixels are
    copied.
    """
    local_file.require(path, PT_FORM)
    _require_unpacked(path)
    try:
        with warnings.catch_warnings(action="ignore"):  # on pickles that are refused anyway
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise DataError(
            f"{path} is no plain file of tensors and would run code when read, or is broken: "
            f"refused; expected {PT_FORM}."
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise DataError(f"{path} is not a whole torch file; expected {PT_FORM}.") from error
    if not isinstance(content, list | tuple) or len(content) not in (3, 6):
        raise DataError(f"{path} holds {_described(content)}; expected {PT_FORM}.")
    parts = [_image_tensor(part, path) for part in content[:: len(content) // 3]]
    sizes = list(map(len, parts))
    _require_counts(Counts(sizes[0] + sizes[1], sizes[2]), counts, path)
    train, validation, test = (
        np.ascontiguousarray(part.float().reshape(-1, PIXELS).numpy()) for part in parts
    )
    return Images(
        train=train,
        validation=validation,
        test=test,
        binary=are_bits(train, validation, test),
        source=f"tensors of {path.name}",
        form="he",
    )


def from_mat(path: Path, *, counts: Counts = BURDA, validation: int = VALIDATION) -> Images:
    """Returns the splits of Burda's file; its pixels are column by column, ours row by row.

    Train and test are the file's own; the last 2,000 of a fixed permutation (purpose
    "omniglot/validation") of its training images validate.
    Raises DataError where the file is broken, has other shapes or counts, or other values.
    Shapes, counts and sizes are checked before anything is unpacked into memory.
    """
    local_file.require(path, MAT_FORM)
    try:
        _require_arrays(whosmat(path), counts, path)
        _require_room(path, counts)
        content = loadmat(path, variable_names=MAT_ARRAYS)
    except (MatReadError, ValueError, TypeError, NotImplementedError, OSError, KeyError) as error:
        raise DataError(f"{path} is not a whole MATLAB file; expected {MAT_FORM}.") from error
    except (EOFError, zlib.error) as error:
        raise DataError(f"{path} is cut off or broken; expected {MAT_FORM}.") from error
    pool, test = (_from_columns(content.get(name), name, path) for name in MAT_ARRAYS)
    _require_counts(Counts(len(pool), len(test)), counts, path)
    train_rows, validation_rows = held_out(len(pool), validation, VALIDATION_PURPOSE)
    return Images(
        train=pool[train_rows],
        validation=pool[validation_rows],
        test=test,
        binary=are_bits(pool, test),
        source=f"MATLAB arrays of {path.name}",
        form="burda",
    )


def _require_unpacked(path: Path) -> None:
    """Raises DataError for a torch file that is compressed, as torch itself never writes one."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            packed = [each for each in archive.infolist() if each.compress_type]
        if packed:
            raise DataError(f"{path} is compressed, as no torch file is; expected {PT_FORM}.")


def _image_tensor(part: object, path: Path) -> torch.Tensor:
    """Returns a part of a torch file if it is a tensor of images; its pixels are not read yet."""
    fits = (
        isinstance(part, torch.Tensor)
        and part.layout == torch.strided
        and part.is_floating_point()
        and part.ndim == 4
        and part.shape[1:] == (1, SIDE, SIDE)
    )
    if not fits:
        raise DataError(f"{path} holds {_described(part)} among its images; expected {PT_FORM}.")
    assert isinstance(part, torch.Tensor)
    return part


def _require_arrays(
    found: Sequence[tuple[str, tuple[int, ...], str]], counts: Counts, path: Path
) -> None:
    """Raises DataError unless the arrays that a MATLAB file lists have the shapes of Burda's."""
    listed = [(name, shape) for name, shape, _ in found if name in MAT_ARRAYS]
    sizes = []
    for wanted in MAT_ARRAYS:
        shapes = [shape for name, shape in listed if name == wanted]
        if len(shapes) != 1 or len(shapes[0]) != 2 or shapes[0][0] != PIXELS:
            what = "no such array" if not shapes else f"of shape {shapes[0]}"
            what = "there several times" if len(shapes) > 1 else what
            raise DataError(f"{path}: {wanted} is {what}; expected {MAT_FORM}.")
        sizes.append(shapes[0][1])
    _require_counts(Counts(*sizes), counts, path)


def _require_room(path: Path, counts: Counts) -> None:
    """Raises DataError where an array of a MATLAB file unpacks to more than Burda's images."""
    room = max(counts) * PIXELS * MOST_BYTES + SLACK
    with path.open("rb") as file:
        order = "<" if file.read(MAT_HEADER).endswith(b"IM") else ">"
        while len(tag := file.read(8)) == 8:
            kind, size = struct.unpack(f"{order}II", tag)
            if kind != MAT_COMPRESSED:
                file.seek(size, os.SEEK_CUR)
                continue
            end = file.tell() + size
            if _unpacked_size(file, size, room) > room:
                raise DataError(f"{path} unpacks to more than its images; expected {MAT_FORM}.")
            file.seek(end)


def _unpacked_size(file: IO[bytes], size: int, most: int) -> int:
    """Returns to how many bytes a compressed element unpacks, counted until they are too many."""
    unpack, total, left = zlib.decompressobj(), 0, size
    while left > 0 and total <= most and (chunk := file.read(min(left, CHUNK))):
        left -= len(chunk)
        while chunk and total <= most:
            total += len(unpack.decompress(chunk, CHUNK))
            chunk = unpack.unconsumed_tail
    return total


def _from_columns(part: object, name: str, path: Path) -> Float32[np.ndarray, "n 784"]:
    if not isinstance(part, np.ndarray) or part.ndim != 2 or part.shape[0] != PIXELS:
        found = "no such array" if part is None else _described(part)
        raise DataError(f"{path}: {name} is {found}; expected {MAT_FORM}.")
    if not np.issubdtype(part.dtype, np.number):
        raise DataError(f"{path}: {name} holds no numbers; expected {MAT_FORM}.")
    columns = part.astype(np.float32).T.reshape(-1, SIDE, SIDE)
    return np.ascontiguousarray(columns.transpose(0, 2, 1)).reshape(-1, PIXELS)


def _require_counts(found: Counts, expected: Counts, path: Path) -> None:
    if found != expected:
        raise DataError(
            f"{path} has {found.training:,} training and validation images and {found.test:,} "
            f"test images; expected {expected.training:,} and {expected.test:,}."
        )


def _described(value: object) -> str:
    if isinstance(value, torch.Tensor | np.ndarray):
        return f"{value.dtype} of shape {tuple(value.shape)}"
    return f"a {type(value).__name__}" + (f" of {len(value)}" if isinstance(value, list) else "")
