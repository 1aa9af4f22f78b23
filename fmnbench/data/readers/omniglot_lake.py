"""Omniglot from drawings: Lake's folders and zips, and the rows of the hub."""

import itertools
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from fmnbench.data.readers import local_file
from fmnbench.data.readers.drawings import Drawing, drawn, ink, opened
from fmnbench.data.readers.omniglot_images import TRAINING_DRAWERS, Images, split_by_drawer
from fmnbench.data.readers.permutation import permutation
from fmnbench.errors import DataError

FORM = "a zip or folder of ALPHABET/characterNN/NNNN_MM.png"
LARGEST_PNG = 1 << 20  # bytes; the real files have a few hundred
DRAWERS = 20
PATH = re.compile(r"(?:^|.*/)[^/]+/character\d+/(\d{4})_(\d\d)\.png")
NAME = re.compile(r"(?:^|.*/)(\d{4})_(\d\d)\.png")
HUB_PURPOSE = "omniglot/hub drawers"


def from_lake(paths: Sequence[Path]) -> Images:
    """Returns the splits of Lake's zips or extracted folders, several pooled.

    Drawers 1-15 train and validate, 16-20 test (`split_by_drawer`); the order does not depend
    on that of the paths or of the files in them. Zips are read in place, never extracted.
    Raises DataError where a file is missing, broken, twice there or not in Lake's layout.
    """
    found = [drawing for path in paths for drawing in _read(path)]
    if not found:
        raise DataError(f"{_names(paths)}: no drawing in it; expected {FORM}.")
    found.sort(key=lambda drawing: drawing.key)
    for one, other in itertools.pairwise(found):
        if one.key == other.key:
            name = f"{one.character:04d}_{one.drawer:02d}.png"
            raise DataError(f"{_names(paths)}: {name} is there twice.")
    return _images(found, f"Lake's drawings in {_names(paths)}", "lake")


def from_hub_rows(rows: Iterable[Mapping[str, object]]) -> Images:
    """Returns the splits of the hub's rows: `image` (PIL, or `bytes` and `path`), `label`.

    The hub splits by alphabet, so the rows of all its splits are to be given and are pooled.
    Where every image still has Lake's file name the drawer is known and the split is that of
    `from_lake`. Else 15 of the 20 drawings of each character, by a fixed permutation (purpose
    "omniglot/hub drawers") of their sorted pixels, stand for drawers 1-15.
    Raises DataError where a row has no such columns or an image is broken.
    """
    named, labelled = [], []
    for number, row in enumerate(rows):
        place = f"row {number} of the hub's Omniglot"
        label = row.get("label")
        if not isinstance(label, int):
            raise DataError(f"{place} has the label {label!r}; expected a whole number.")
        name, image = _hub_image(row, place)
        drawing = drawn(image, label, 0, place)
        labelled.append(drawing)
        if known := NAME.fullmatch(name):
            named.append(drawing._replace(character=int(known[1]), drawer=int(known[2])))
    if not labelled:
        raise DataError("The hub's Omniglot has no rows.")
    if len({drawing.key for drawing in named}) == len(labelled):
        by_name = sorted(named, key=lambda drawing: drawing.key)
        return _images(by_name, "the hub's drawings, drawers known", "lake")
    return _images(_drawers_assigned(labelled), "the hub's drawings, drawers unknown", "hub")


def _drawers_assigned(labelled: Sequence[Drawing]) -> list[Drawing]:
    """Returns drawings in an order free of that of the rows, with drawers in place of 0."""
    ordered = sorted(labelled, key=lambda drawing: (drawing.character, drawing.white))
    labels = np.array([drawing.character for drawing in ordered])
    draws = permutation(len(ordered), HUB_PURPOSE)
    by_label = np.lexsort((draws, labels))
    assigned = list(ordered)
    starts = np.flatnonzero(np.r_[True, np.diff(labels[by_label]) != 0])
    for group in np.split(by_label, starts[1:]):
        for rank, place in enumerate(group):
            drawer = 1 + rank * DRAWERS // len(group)
            assigned[place] = ordered[place]._replace(drawer=drawer)
    return assigned


def _images(found: Sequence[Drawing], source: str, form: str) -> Images:
    """Returns the splits of drawings with drawers, in the order given."""
    sides = sorted({drawing.side for drawing in found})
    if len(sides) > 1:
        raise DataError(f"{source}: images of 28×28 and of 105×105 pixels are mixed.")
    trains = np.array([drawing.drawer <= TRAINING_DRAWERS for drawing in found])
    side = sides[0]
    return split_by_drawer(ink(found), trains, f"{source} ({side}×{side})", f"{form}-{side}")


def _read(path: Path) -> Iterator[Drawing]:
    """Yields the drawings of one zip or folder, in no order to count on."""
    files = _files_of_folder(path) if path.is_dir() else _files_of_zip(path)
    for place, png in files:
        known = PATH.fullmatch(place)
        if known is None or not 1 <= int(known[2]) <= DRAWERS:
            raise DataError(f"{place} is not named ALPHABET/characterNN/NNNN_MM.png, MM 01-20.")
        yield drawn(opened(png, place), int(known[1]), int(known[2]), place)


def _files_of_folder(path: Path) -> Iterator[tuple[str, bytes]]:
    for file in path.absolute().rglob("*.png"):  # absolute: the path may be an alphabet's own
        if _counts(file.relative_to(path.absolute()).as_posix()):
            _require_small(file.stat().st_size, file.as_posix())
            yield file.as_posix(), file.read_bytes()


def _files_of_zip(path: Path) -> Iterator[tuple[str, bytes]]:
    local_file.require(path, FORM)
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if _counts(member.filename):
                    place = f"{path}/{member.filename}"
                    _require_small(member.file_size, place)
                    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                        raise DataError(f"{place} is compressed by a method other than deflate.")
                    with archive.open(member) as stream:
                        png = stream.read(LARGEST_PNG + 1)  # it may have more than it says
                    _require_small(len(png), place)
                    yield place, png
    except (zipfile.BadZipFile, EOFError, zlib.error, RuntimeError, NotImplementedError) as error:
        raise DataError(
            f"{path} is not a whole zip archive ({error}); expected {FORM}."
        ) from error


def _counts(name: str) -> bool:
    """Tells whether a file is a drawing, not a folder or what a desktop leaves in an archive."""
    parts = PurePosixPath(name).parts
    return name.endswith(".png") and not any(part.startswith((".", "__")) for part in parts)


def _require_small(size: int, place: str) -> None:
    if size > LARGEST_PNG:
        raise DataError(f"{place} has {size:,} bytes; a drawing has at most {LARGEST_PNG:,}.")


def _hub_image(row: Mapping[str, object], place: str) -> tuple[str, Image.Image]:
    """Returns an image and the name of the file that it was, empty where that is forgotten."""
    image = row.get("image")
    if isinstance(image, Image.Image):
        return str(getattr(image, "filename", "")), image
    if isinstance(image, Mapping) and isinstance(image.get("bytes"), bytes):
        return str(image.get("path") or ""), opened(image["bytes"], place)
    raise DataError(f"{place} has no image; expected columns image and label.")


def _names(paths: Sequence[Path]) -> str:
    return " + ".join(sorted(path.name for path in paths))
