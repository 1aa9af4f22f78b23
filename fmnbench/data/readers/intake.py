"""Files that somebody has, told apart and read: each parser gets what it understands."""

import contextlib
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from fmnbench.data.readers import local_file, omniglot_files, text_files
from fmnbench.data.readers.tables import Contents, of_documents, of_images
from fmnbench.data.sources import content
from fmnbench.data.sources.archives import extract
from fmnbench.data.sources.catalogue import outside
from fmnbench.errors import DataError

PT_FILE, MAT_FILE = "omniglot.pt", "chardata.mat"
VALIDATION_FILES = ("val.txt", "valid.txt", "yahoo.valid.txt")
TEST_FILES = ("test.txt", "yahoo.test.txt")


def read(place: str, paths: Sequence[Path], longest: int | None = None) -> Contents:
    """Returns what the files of a dataset hold; texts of more than `longest` words are dropped.

    Raises:
        DataError: a file is missing, broken or not of a kind that the dataset is made from.
    """
    for path in paths:
        with contextlib.suppress(OSError):  # such as of too long a name: `require` says so
            if path.is_dir():
                continue
        local_file.require(path, f"{_takes(place)} for '{place}'")
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(_unpacked(path, place)) for path in paths]
        if place == "omniglot":
            return of_images(_omniglot(opened))
        return of_documents(_texts(place, opened, longest))


@contextlib.contextmanager
def _unpacked(path: Path, place: str) -> Iterator[Path]:
    """Yields the folder of an unpacked archive, for as long as it is needed; else the path.

    A torch file is a zip archive too, and Lake's zips are read as they are.
    """
    if path.is_dir() or not _is_archive(path) or (place == "omniglot" and _is_lakes(path)):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="fmnbench-") as temporary:
        folder = Path(temporary) / "files"
        extract(path, folder)
        yield folder


def _is_archive(path: Path) -> bool:
    if path.suffix == ".pt":
        return False
    with path.open("rb") as file:
        head = file.read(content.HEAD)
    return head.startswith((b"PK\x03\x04", b"\x1f\x8b")) or content.is_tar(head)


def _is_lakes(path: Path) -> bool:
    """Tells whether a zip has drawings; a broken one is left to the parser to complain of."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".png") for name in archive.namelist())
    except zipfile.BadZipFile:
        return path.suffix == ".zip"


def _omniglot(paths: Sequence[Path]) -> omniglot_files.Images:
    if len(paths) == 1:
        file = _inside(paths[0], (PT_FILE, MAT_FILE))
        if file.suffix == ".pt":
            return omniglot_files.from_pt(file)
        if file.suffix == ".mat":
            return omniglot_files.from_mat(file)
    return omniglot_files.from_lake(paths)


def _texts(place: str, paths: Sequence[Path], longest: int | None) -> text_files.Documents:
    if place == "yahoo-10k":
        if len(paths) == 1:
            return text_files.yahoo_10k(
                _inside(paths[0], VALIDATION_FILES),
                _inside(paths[0], TEST_FILES),
                longest=longest,
            )
        if len(paths) == 2:
            return text_files.yahoo_10k(*paths, longest=longest)
    elif len(paths) == 1 and paths[0].is_dir():
        return text_files.from_folder(paths[0], place.rpartition("/")[2], longest=longest)
    elif len(paths) == 3:
        return text_files.from_files(*paths, longest=longest)
    given = f"{len(paths)} file{'s' * (len(paths) > 1)}"
    raise DataError(f"'{place}' is made from {_takes(place)}; given: {given}.")


def _inside(path: Path, names: Sequence[str]) -> Path:
    """Returns the one file of these names below a folder; the path where there is none."""
    for name in names:
        found = sorted(path.rglob(name)) if path.is_dir() else []
        if found:
            return found[0]
    return path


def _takes(place: str) -> str:
    return outside(place).takes
