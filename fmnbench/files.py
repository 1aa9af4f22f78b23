"""Files: atomic writes and moves, reads that never wait, and what ships with the package."""

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from fmnbench.errors import WriteError

TEMPORARY = ".tmp"  # the suffix of a file that is not whole yet


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file so that a reader, or a kill at any moment, sees the old or the new one.

    Raises WriteError, which is also an OSError.
    """
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name}.", suffix=TEMPORARY
        )
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def move(source: Path, target: Path) -> None:
    """Renames a file for good; at any moment it has one of the names. Raises WriteError."""
    with _writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
        sync_folder(target.parent)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WriteError(error.errno, error.strerror or str(error), str(path)) from error


def read_regular(path: Path, most: int | None = None) -> bytes:
    """Returns the content of a file; of a pipe, a socket or a device nothing is read.

    `most` is the number of bytes that the file may have, None for any.

    Raises:
        OSError: the file cannot be read, is no regular one, or has more bytes.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # otherwise a pipe would wait
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "Not a regular file")
        content = file.read(-1 if most is None else most + 1)
    if most is not None and len(content) > most:
        raise OSError(errno.EFBIG, f"More than {most:,} bytes")
    return content


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sync_folder(folder: Path) -> None:
    """Makes a rename last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def benchmark_files() -> Traversable:
    """Returns the `benchmarks` folder: in the installed package, or beside it in a checkout."""
    installed = resources.files("fmnbench") / "benchmarks"
    return installed if installed.is_dir() else Path(__file__).parents[1] / "benchmarks"
