"""Bundles: records of one machine in a zip, to be taken up by a store on another."""

import dataclasses
import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from fmnbench import records
from fmnbench.errors import RecordError, UsageError, unknown
from fmnbench.executors.worker import lock_path
from fmnbench.files import write_atomically
from fmnbench.spec import Attempt, Result
from fmnbench.store import SUFFIX, Store

MANIFEST = "manifest.json"
FORMAT = 1  # of the manifest
LARGEST = 16 << 20  # bytes of one record; 1,000 epochs take half a megabyte
MOST = 100_000  # records
EPOCH = (1980, 1, 1, 0, 0, 0)  # the date of every member: the same records are the same bytes


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
        UsageError: there is no record of a track, or none at all, or the file is something else
            or cannot be written.
    """
    results, errors = store.results()
    known = {result.spec.track.name for result in results}
    for track in tracks:
        if track not in known:
            raise unknown("track", track, known)
    chosen = [result for result in results if not tracks or result.spec.track.name in tracks]
    if not chosen:
        raise UsageError(f"{store.folder} has no records to export.")
    if target.exists() and not _is_bundle(target):
        raise UsageError(f"'{target}' is there already and is no bundle of records.")
    files = {_place(result): store.path(*_identity(result)).read_bytes() for result in chosen}
    try:
        write_atomically(target, _packed(files))
    except OSError as error:
        raise UsageError(f"'{target}' cannot be written: {error.strerror}.") from None
    return len(files), errors


def import_bundle(store: Store, source: Path) -> Arrival:
    """Returns what became of a bundle's records, all of which are checked before any is taken.

    Raises:
        UsageError: the file cannot be read.
        RecordError: it is no bundle, or something in it is not what the manifest says, is no
            record or is in the wrong place; nothing is taken then.
    """
    counts = dict.fromkeys(("imported", "here", "repeated", "replaced"), 0)
    refused = []
    for result in _checked(source):
        ending = _take(store, result)
        if ending in counts:
            counts[ending] += 1
        else:
            refused.append(f"{_place(result)}: {ending}")
    return Arrival(**counts, refused=tuple(refused))


def _take(store: Store, result: Result) -> str:
    """Puts one record into a store; returns what became of it, or why it was left out."""
    is_new = not store.work(result.spec.key).exists()
    lock = lock_path(store, result.spec)
    try:
        with FileLock(lock, timeout=0):
            try:
                return _settle(store, result)
            finally:
                if is_new:  # no run was cut off here, whose checkpoint the folder would hold
                    shutil.rmtree(lock.parent)
    except Timeout:
        return "the run is going on here; import again when it has ended"
    except RecordError as error:
        return f"the store's own record is corrupt ({error})"


def _settle(store: Store, result: Result) -> str:
    """Does what `_take` says, while nobody else is at the run."""
    held = store.get(*_identity(result))
    if held is None:
        store.save(result)
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


def _checked(source: Path) -> list[Result]:
    """Returns the records of a bundle; a fault in any is a RecordError."""
    try:
        with zipfile.ZipFile(source) as archive:
            return list(_members(archive, source))
    except OSError as error:
        raise UsageError(f"'{source}' cannot be read: {error.strerror or error}.") from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise RecordError(f"{source} is no whole bundle of records: {error}.") from error


def _members(archive: zipfile.ZipFile, source: Path) -> Iterator[Result]:
    listed = _manifest(archive, source)
    names = archive.namelist()
    if sorted(names) != sorted([MANIFEST, *listed]):
        odd = sorted({MANIFEST, *listed} ^ set(names)) or sorted(names)
        raise RecordError(f"{source}: its manifest and its files differ in {odd[0]!r}.")
    for name, sha256 in listed.items():
        data = _read(archive, name, source)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise RecordError(f"{source}: {name!r} has not the SHA-256 of the manifest.")
        result = records.parse(data, f"{source}: {name}").result
        if _place(result) != name:
            raise RecordError(f"{source}: {name!r} is the record of {_place(result)}.")
        yield result


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
        raise RecordError(f"{source} has format {version}; this version knows {FORMAT}.")
    if not isinstance(listed, dict) or len(listed) > MOST:
        raise RecordError(f"{source}: its {MANIFEST} does not list up to {MOST:,} records.")
    return listed


def _read(archive: zipfile.ZipFile, name: str, source: Path) -> bytes:
    """Returns a member's content; declared sizes are not believed."""
    with archive.open(name) as member:
        data = member.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise RecordError(f"{source}: {name!r} has more than {LARGEST:,} bytes.")
    return data


def _packed(files: dict[str, bytes]) -> bytes:
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    manifest = json.dumps({"format": FORMAT, "records": hashes}, indent=1, sort_keys=True)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {MANIFEST: manifest.encode(), **dict(sorted(files.items()))}.items():
            info = zipfile.ZipInfo(name, EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return packed.getvalue()


def _is_bundle(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return MANIFEST in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def _identity(result: Result) -> tuple[str, str]:
    return result.spec.track.name, result.spec.key


def _place(result: Result) -> str:
    track, key = _identity(result)
    return f"{track}/{key}{SUFFIX}"


def _origin(result: Result) -> str:
    made = result.provenance
    return f"{result.status} on {made.device_name} with torch {made.torch} at {made.started}"
