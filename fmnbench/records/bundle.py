"""Bundles: records of one machine in a zip, to be taken up by a store on another."""

import contextlib
import dataclasses
import hashlib
import io
import json
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from fmnbench.errors import RecordError, UsageError, unknown
from fmnbench.files import write_atomically
from fmnbench.records import schema
from fmnbench.records.store import WORK, Store
from fmnbench.spec import Attempt, Result

MANIFEST = "manifest.json"
FORMAT = 1  # of the manifest
LARGEST = 16 << 20  # bytes of one record; 1,000 epochs take half a megabyte
MOST = 100_000  # records
ROOM = 256 << 20  # bytes of all records, unpacked; 50,000 of 30 epochs
EPOCH = (1980, 1, 1, 0, 0, 0)  # the date of every member: the same records are the same bytes
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Arrival:
    """What became of the records of a bundle.

    `repeated` are runs that the store holds with the same numbers, made by another process;
    `replaced` failed ones that now have a done record. `refused` says of each other record why it
    was left out; the store keeps what it has.
    """

    imported: int
    here: int
    repeated: int
    replaced: int
    refused: tuple[str, ...]


def export_bundle(
    store: Store, target: Path, tracks: Sequence[str] = ()
) -> tuple[int, list[RecordError]]:
    """Returns how many records a new bundle has, and an error for each that is corrupt.

    Corrupt records are left out. A file that is there is replaced if it is a bundle.

    Raises:
        UsageError: there is no record of a track, or no whole one at all, or more than a bundle
            holds, or the file is something else or cannot be written.
    """
    known = {path.parent.name for path in store.paths()}
    for track in tracks:
        if track not in known:
            raise unknown("track", track, known)
    results, errors = store.results(tracks or None)
    if not results:
        fault = f": {errors[0]}" if errors else "."
        raise UsageError(f"{store.folder} has no records to export{fault}")
    if target.exists() and not _is_bundle(target):
        raise UsageError(f"'{target}' is there already and is no bundle of records.")
    files = {place: (store.folder / place).read_bytes() for place in map(_place, results)}
    _require_room(files)
    try:
        write_atomically(target, _packed(files))
    except OSError as error:
        raise UsageError(f"'{target}' cannot be written: {error.strerror}.") from None
    return len(files), errors


def import_bundle(store: Store, source: Path) -> Arrival:
    """Returns what became of a bundle's records, all of which are checked before any is taken.

    A new record is written byte for byte. Where the store's own record is corrupt, or a run is
    going on, the bundle's is refused; so is any that would overwrite other numbers, except that
    a done one takes the place of one that is not. Imports into one store wait for each other.

    Raises:
        UsageError: the file cannot be read, or the store cannot be written.
        RecordError: it is no bundle, or something in it is not what the manifest says, is no
            record or is in the wrong place; nothing is taken then.
    """
    counts = dict.fromkeys(("imported", "here", "repeated", "replaced"), 0)
    refused = []
    files = _checked(source)
    try:
        with FileLock(store.folder / WORK / "import"):
            for name, data in files.items():
                ending = _take(store, name, data)
                if ending in counts:
                    counts[ending] += 1
                else:
                    refused.append(_printable(f"{name}: {ending}"))
    except OSError as error:
        raise UsageError(f"{store.folder} cannot be written: {error.strerror}.") from None
    return Arrival(**counts, refused=tuple(refused))


def _take(store: Store, name: str, data: bytes) -> str:
    """Puts one record into a store; returns what became of it, or why it was left out."""
    result = schema.parse(data, name).result
    lock = store.work(result.spec.key) / "lock"  # as in executors.worker, which needs torch
    try:
        with FileLock(lock, timeout=0):
            try:
                return _settle(store, result, data)
            finally:
                _tidy(lock)
    except Timeout:
        return "the run is going on here; import again when it has ended"
    except RecordError as error:
        return f"the store's own record is corrupt ({error})"


def _settle(store: Store, result: Result, data: bytes) -> str:
    """Does what `_take` says, while nobody else is at the run."""
    held = store.get(*_identity(result))
    if held is None:
        # not by Store.save, which would undo formatting that somebody gave the file
        write_atomically(store.path(*_identity(result)), data)
        return "imported"
    if held == result:
        return "here"
    if held.numbers == result.numbers:
        return "repeated"
    if held.status != "done" and result.status == "done":
        earlier = (*held.history, Attempt(status=held.status, error=held.error))
        history = (*earlier, *result.history)
        store.save(dataclasses.replace(result, history=history), replace=True)
        return "replaced"
    return f"the store has other numbers: {_origin(held)} here, {_origin(result)} in the bundle"


def _tidy(lock: Path) -> None:
    """Removes a run's folder where its lock, which is held, is all that is in it.

    Else a run was cut off here, and the folder has its checkpoint.
    """
    if list(lock.parent.iterdir()) == [lock]:
        lock.unlink()
        with contextlib.suppress(OSError):  # a run that starts just now has put its lock there
            lock.parent.rmdir()


def _checked(source: Path) -> dict[str, bytes]:
    """Returns the files of a bundle's records by name; a fault in any is a RecordError.

    They are bytes because results take ten times the memory.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            return _files(archive, source)
    except OSError as error:
        raise UsageError(f"'{source}' cannot be read: {error.strerror or error}.") from None
    except _BROKEN as error:
        reason = str(error).rstrip(".") or "it ends too early"
        raise RecordError(f"{source} is no whole bundle of records: {reason}.") from error


def _files(archive: zipfile.ZipFile, source: Path) -> dict[str, bytes]:
    listed = _manifest(archive, source)
    there, wanted = Counter(archive.namelist()), Counter([MANIFEST, *listed])
    for odd in (there - wanted) + (wanted - there):
        raise RecordError(f"{source}: its manifest and its files differ in {odd!r}.")
    files: dict[str, bytes] = {}
    room = ROOM
    for name, sha256 in listed.items():
        files[name] = _read(archive, name, source)
        room -= len(files[name])
        if room < 0:
            raise RecordError(f"{source} unpacks to more than {ROOM:,} bytes.")
        if hashlib.sha256(files[name]).hexdigest() != sha256:
            raise RecordError(f"{source}: {name!r} has not the SHA-256 of the manifest.")
        _require_record(files[name], name, source)
    return files


def _require_record(data: bytes, name: str, source: Path) -> None:
    """Raises RecordError for what is no record, or not the one that belongs in this place."""
    try:
        place = _place(schema.parse(data, name).result)
    except (RecordError, UsageError) as error:  # the latter for a track that names no folder
        raise RecordError(_printable(f"{source}: {error}")) from None
    if place != name:
        raise RecordError(f"{source}: {name!r} is the record of {place}.")


def _manifest(archive: zipfile.ZipFile, source: Path) -> dict[str, str]:
    """Returns the hashes by name that a bundle's manifest lists."""
    if MANIFEST not in archive.namelist():
        raise RecordError(f"{source} has no {MANIFEST}: it is no bundle of records.")
    try:
        manifest = json.loads(_read(archive, MANIFEST, source))
        listed, version = manifest["records"], manifest["format"]
    except (ValueError, KeyError, TypeError):
        raise RecordError(f"{source}: its {MANIFEST} cannot be read.") from None
    if version != FORMAT:
        raise RecordError(f"{source} has format {version!r:.20}; this version knows {FORMAT}.")
    if not isinstance(listed, dict) or len(listed) > MOST:
        raise RecordError(f"{source}: its {MANIFEST} does not list up to {MOST:,} records.")
    return listed


def _read(archive: zipfile.ZipFile, name: str, source: Path) -> bytes:
    """Returns a member's content; declared sizes are not believed."""
    info = archive.getinfo(name)
    if fault := _fault(info):
        raise RecordError(f"{source}: {name!r} is {fault}.")
    with archive.open(info) as member:
        data = member.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise RecordError(f"{source}: {name!r} has more than {LARGEST:,} bytes.")
    return data


def _fault(info: zipfile.ZipInfo) -> str | None:
    """Returns why a member is not read, or None."""
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):  # 0 if not made on Unix
        return "a link or another special file"
    if info.flag_bits & 0x1:
        return "encrypted"
    # bzip2 and lzma are unpacked without a bound on memory
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "compressed by a method other than deflate"
    return None


def _require_room(files: dict[str, bytes]) -> None:
    """Raises UsageError for records that an import would not take."""
    sizes = [len(data) for data in files.values()]
    if len(sizes) > MOST or sum(sizes) > ROOM or max(sizes) > LARGEST:
        raise UsageError(
            f"{len(sizes):,} records of {sum(sizes):,} bytes, the largest of {max(sizes):,}, are "
            f"too much for one bundle: it takes {MOST:,} of {ROOM:,}, the largest of {LARGEST:,}."
        )


def _packed(files: dict[str, bytes]) -> bytes:
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    manifest = json.dumps({"format": FORMAT, "records": hashes}, indent=1, sort_keys=True)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {MANIFEST: manifest.encode(), **dict(sorted(files.items()))}.items():
            info = zipfile.ZipInfo(name, EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # Unix, whatever this machine is
            info.external_attr = (stat.S_IFREG | 0o644) << 16  # else unzip makes it unreadable
            archive.writestr(info, data)
    return packed.getvalue()


def _is_bundle(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            _manifest(archive, path)
    except (OSError, RecordError, *_BROKEN):
        return False
    return True


def _identity(result: Result) -> tuple[str, str]:
    return result.spec.track.name, result.spec.key


def _place(result: Result) -> str:
    """Returns where a record is in a store or a bundle; UsageError as `Store.path`."""
    return Store(Path()).path(*_identity(result)).as_posix()


def _origin(result: Result) -> str:
    made = result.provenance
    return f"{result.status} on {made.device_name} with torch {made.torch} at {made.started}"


def _printable(text: str) -> str:
    """Returns a text that may come from a stranger's record without what steers a terminal."""
    return "".join(each if each.isprintable() else "?" for each in text)
