"""Files that a user or a download provides: checked, and archives unpacked for their reader."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from fmnbench.data.dataset import CachedDataset
from fmnbench.data.readers import local_file
from fmnbench.data.readers.tables import Contents
from fmnbench.data.sources import content
from fmnbench.data.sources.archives import extract
from fmnbench.data.sources.remote import md5_of
from fmnbench.errors import DataError

TORCH_SUFFIX = ".pt"  # a torch file is a zip archive, which is not to be unpacked
NOTHING: Mapping[str, str] = {}


def read(
    dataset: CachedDataset,
    paths: Sequence[Path],
    *,
    longest: int | None = None,
    members: Mapping[str, str] = NOTHING,
) -> Contents:
    """Returns the contents of files and folders as the dataset reads them.

    Archives are unpacked into a temporary folder first, unless the dataset reads them packed.
    `members` are the MD5 hashes that unpacked files must have, by file name.

    Raises:
        DataError: a file is missing or broken, or is not what the dataset is made from.
    """
    for path in paths:
        with contextlib.suppress(OSError):  # for example a name that is too long; `require` says
            if path.is_dir():
                continue
        local_file.require(path, f"{dataset.accepts} for '{dataset.cache_name}'")
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(_unpacked(path, dataset, members)) for path in paths]
        return dataset.read(opened, longest=longest)


@contextlib.contextmanager
def _unpacked(path: Path, dataset: CachedDataset, members: Mapping[str, str]) -> Iterator[Path]:
    """Yields the temporary folder of an unpacked archive, or else the path itself."""
    if path.is_dir() or not _is_archive(path) or dataset.reads_packed(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="fmnbench-") as temporary:
        folder = Path(temporary) / "files"
        for file in extract(path, folder):
            expected = members.get(file.name)
            if expected is not None and (found := md5_of(file)) != expected:
                raise DataError(f"{file.name} in {path} has MD5 {found}; expected is {expected}")
        yield folder


def _is_archive(path: Path) -> bool:
    if path.suffix == TORCH_SUFFIX:
        return False
    with path.open("rb") as file:
        head = file.read(content.HEAD)
    return head.startswith((b"PK\x03\x04", b"\x1f\x8b")) or content.is_tar(head)
