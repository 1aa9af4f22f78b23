"""Archives that nobody vouches for, unpacked without leaving their folder or filling the disk."""

import gzip
import io
import re
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple, Protocol, runtime_checkable

from fmnbench.data.sources.content import HEAD, describe, is_tar
from fmnbench.errors import DataError

LIMIT = 4 << 30  # bytes; ten times the largest data set of the suites, unpacked
MEMBERS = 200_000  # files; six times Omniglot's 32,460 images
_CHUNK = 1 << 20  # bytes held in memory while copying
_LARGEST_READ = 4 << 20  # bytes; a tar header of more would be read into memory as a whole
_TAR_OVERHEAD = 2048  # bytes a member: header, long name and padding
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


@runtime_checkable
class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Member(NamedTuple):
    name: str
    kind: str  # "file", "folder", or the words for what is refused
    size: int  # bytes, as declared
    stream: _Readable | None


def extract(
    archive: Path, folder: Path, *, limit: int = LIMIT, members: int = MEMBERS
) -> list[Path]:
    """Returns the files that a .zip, .tar or .tar.gz put into `folder`, in the archive's order.

    The kind is told by content, not by name. `folder` must be absent or empty; it appears with
    all its files or not at all, also when the process is killed (not when the power fails: the
    files are not synced). Permissions, owners and dates are not taken over; empty folders are
    not made. `limit` is in bytes, counted while unpacking: declared sizes are not believed.

    Raises:
        DataError: not such an archive, damaged, encrypted, too large, or with a member that is
            no plain file inside the folder. Nothing is left behind.
    """
    try:
        return _extract(archive, folder, limit, members)
    except DataError as error:
        raise DataError(f"{archive} cannot be extracted: {error}") from None
    except _BROKEN as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{archive} is truncated or corrupt: {reason}") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{archive} cannot be extracted into {folder}: {reason}") from error


def _extract(archive: Path, folder: Path, limit: int, members: int) -> list[Path]:
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise DataError(f"{folder} is there already and not an empty folder")
    with archive.open("rb") as file:
        source = _members(file, limit + members * _TAR_OVERHEAD)
        folder.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{folder.name}."
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=prefix) as temporary:
            whole = Path(temporary) / "files"  # made by mkdir for the umask's permissions
            whole.mkdir()
            names = _write_all(source, whole, limit, members)
            whole.replace(folder)
    return [folder / name for name in names]


def _members(file: IO[bytes], ceiling: int) -> Iterator[_Member]:
    """Returns the members of an open archive; a tar's stream ends with an error at `ceiling`."""
    head = file.read(HEAD)
    file.seek(0)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_members(file)
    if head.startswith(b"\x1f\x8b"):
        with gzip.open(file) as unpacked:
            inside = unpacked.read(HEAD)
        file.seek(0)
        if not is_tar(inside):
            raise DataError(f"it is gzip data with {describe(inside)} inside, not a tar archive")
        return _tar_members(_Metered(gzip.GzipFile(fileobj=file), ceiling))
    if is_tar(head):
        return _tar_members(_Metered(file, ceiling))
    raise DataError(f"it looks like {describe(head)}, not a .zip, .tar or .tar.gz archive")


def _write_all(
    source: Iterator[_Member], root: Path, limit: int, members: int
) -> list[PurePosixPath]:
    """Returns the relative paths of the plain files, which are then under `root`."""
    written: dict[PurePosixPath, None] = {}
    total = 0
    for count, member in enumerate(source, start=1):
        if count > members:
            raise DataError(f"more than {members} members")
        path = _inside(member.name)
        if member.kind == "folder":
            continue
        if not path.parts:
            raise DataError(f"member {member.name!r} has no name")
        if member.stream is None:
            raise DataError(f"member {member.name!r} is {member.kind}; only files are taken")
        if path in written:
            raise DataError(f"member {member.name!r} comes twice")
        written[path] = None
        size = _copy(member.stream, root / path, limit - total)
        if size is None:
            raise DataError(f"it unpacks to more than the limit of {limit} bytes")
        if size != member.size:
            raise DataError(f"member {member.name!r} has {size} of {member.size} bytes: truncated")
        total += size
    return list(written)


def _inside(name: str) -> PurePosixPath:
    """Returns a member's path below the folder.

    Raises:
        DataError: on some system the name leads out of the folder.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/"):
        fault = "an absolute path"
    elif ".." in parts:
        fault = "a path with '..'"
    elif "\\" in name or "\0" in name:
        fault = "a path with a backslash or a null character"
    elif any(re.match(r"[A-Za-z]:", part) for part in parts):
        fault = "a path with a drive letter"
    else:
        return PurePosixPath(*parts)
    raise DataError(f"member {name!r} has {fault}")


def _copy(stream: _Readable, target: Path, room: int) -> int | None:
    """Returns the bytes written to a new file, or None where there are more than `room`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with target.open("xb") as file:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > room:
                return None
            file.write(chunk)
    return size


def _zip_members(file: IO[bytes]) -> Iterator[_Member]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            name = info.orig_filename  # `filename` is cut at a null character
            kind = _zip_kind(info)
            if kind != "file":
                yield _Member(name, kind, 0, None)
                continue
            if info.flag_bits & 0x1:
                raise DataError(f"member {name!r} is encrypted")
            # bzip2 and lzma are unpacked without a bound on memory
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise DataError(f"member {name!r} is compressed by a method other than deflate")
            with archive.open(info) as stream:
                yield _Member(name, kind, info.file_size, stream)


def _zip_kind(info: zipfile.ZipInfo) -> str:
    mode = stat.S_IFMT(info.external_attr >> 16)  # 0 where the archive was not made on Unix
    if mode == stat.S_IFLNK:
        return "a symbolic link"
    if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "a device or another special file"
    return "folder" if info.is_dir() or mode == stat.S_IFDIR else "file"


def _tar_members(stream: "_Metered") -> Iterator[_Member]:
    with tarfile.open(fileobj=stream, mode="r:") as archive:
        for info in archive:
            kind = _tar_kind(info)
            content = archive.extractfile(info) if kind == "file" else None
            yield _Member(info.name, kind, info.size, content)
    # tarfile takes a damaged header for the end: only the block of zeros is one.
    if stream.last_block != bytes(tarfile.BLOCKSIZE):
        raise EOFError("the mark of its end is missing")
    while rest := stream.read(_CHUNK):  # to the end, where gzip has its checksum
        if rest.strip(b"\0"):
            raise DataError("data follow the archive's end")


def _tar_kind(info: tarfile.TarInfo) -> str:
    if info.issym():
        return "a symbolic link"
    if info.islnk():
        return "a hard link"
    if info.isdir():
        return "folder"
    plain = info.isreg() and not info.issparse()
    return "file" if plain else "a device or another special file"


class _Metered(io.RawIOBase):
    """A stream read forwards only, that ends with an error past `ceiling` bytes.

    `last_block` is the last tar block that was read as a whole.
    """

    def __init__(self, stream: _Readable, ceiling: int) -> None:
        self.stream = stream
        self.ceiling = ceiling
        self.position = 0
        self.last_block = b""

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LARGEST_READ:
            raise DataError(f"a header of more than {_LARGEST_READ} bytes")
        data = self.stream.read(size)
        self.position += len(data)
        if self.position > self.ceiling:
            raise DataError(f"it unpacks to more than {self.ceiling} bytes")
        if size == tarfile.BLOCKSIZE:
            self.last_block = data
        return data

    def tell(self) -> int:
        return self.position

    def seek(self, position: int, whence: int = 0) -> int:
        assert whence == 0
        assert position >= self.position, "tarfile reads members in order"
        while self.position < position and self.read(min(_CHUNK, position - self.position)):
            pass
        return self.position
