"""Bundles: zip files that carry records from the store of one machine to another."""

import contextlib
import dataclasses
import hashlib
import io
import json
import stat
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from fmnbench.data.sources.archives import extract
from fmnbench.errors import DataError, RecordError, UsageError, unknown
from fmnbench.files import write_atomically
from fmnbench.printable import printable
from fmnbench.records import schema
from fmnbench.records.definitions import Definitions
from fmnbench.records.store import WORK, Store
from fmnbench.spec import Attempt, Result

MANIFEST = "manifest.json"
FORMAT = 1  # of the manifest
LARGEST = 16 << 20  # bytes of one file; a record of 1,000 epochs has half a megabyte
MOST = 100_000  # records
ROOM = 256 << 20  # bytes of all files, unpacked; 50,000 records of 30 epochs
EPOCH = (1980, 1, 1, 0, 0, 0)  # the date of every member: equal records give equal bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Arrival:
    """What an import did with the records of a bundle.

    `here` counts records that the store holds already, `repeated` runs that it holds with the same
    numbers from another process, `measured` records that now have metrics of a definition that is
    valid here, and `replaced` failed runs that now have a done record. `refused` names each other
    record with the reason; the store's own record stays.
    """

    imported: int
    here: int
    repeated: int
    measured: int
    replaced: int
    refused: tuple[str, ...]


def export_bundle(
    store: Store, target: Path, tracks: Sequence[str] = ()
) -> tuple[int, list[RecordError]]:
    """Returns the number of records in a new bundle, and an error for each corrupt record.

    Corrupt records are left out. An existing file is replaced only if it is a bundle.

    Raises:
        UsageError: a track has no record, the store has no valid record, the records exceed the
            limits of a bundle, or the target is another file or cannot be written.
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
        raise UsageError(f"'{target}' exists and is not a bundle of records.")
    files = {place: (store.folder / place).read_bytes() for place in map(_place, results)}
    files = {MANIFEST: _manifest_of(files), **dict(sorted(files.items()))}
    _require_room([len(data) for data in files.values()])
    try:
        write_atomically(target, _packed(files))
    except OSError as error:
        raise UsageError(f"'{target}' cannot be written: {error.strerror}.") from None
    return len(results), errors


def import_bundle(store: Store, source: Path) -> Arrival:
    """Returns what became of the records of a bundle; all are checked before any is imported.

    A new record is written byte for byte. A record is refused where the store's own record is
    corrupt, where the run is in progress, or where it would overwrite other numbers, except that a
    done record replaces one that is not done, and one that was measured again the one before.
    Imports into one store wait for each other.

    Raises:
        UsageError: the file cannot be read, or the store cannot be written.
        RecordError: the file is not a valid bundle, it differs from its manifest, or one of its
            records is damaged, misplaced or could not be saved. Nothing is imported then.
    """
    counts = dict.fromkeys(("imported", "here", "repeated", "measured", "replaced"), 0)
    refused = []
    with tempfile.TemporaryDirectory(prefix="fmnbench-") as temporary:
        unpacked = Store(Path(temporary) / "records")
        names = _unpack(source, unpacked)
        try:
            with FileLock(store.folder / WORK / "import"):
                for name in names:
                    ending = _import(store, unpacked.folder / name, unpacked)
                    if ending in counts:
                        counts[ending] += 1
                    else:
                        refused.append(printable(f"{name}: {ending}"))
        except OSError as error:
            raise UsageError(f"{store.folder} cannot be written: {error.strerror}.") from None
    return Arrival(**counts, refused=tuple(refused))


def _import(store: Store, path: Path, unpacked: Store) -> str:
    """Imports one unpacked record; returns the name of its count, or why it is refused."""
    result = unpacked.load(path)
    lock = store.work(result.spec.key) / "lock"  # as in executors.worker, which needs torch
    try:
        with FileLock(lock, timeout=0):
            try:
                return _settle(store, result, path.read_bytes())
            finally:
                _tidy(lock)
    except Timeout:
        return "the run is in progress here; import it again after the run has ended"
    except RecordError as error:
        return f"the store's own record is corrupt ({error})"


def _settle(store: Store, result: Result, data: bytes) -> str:
    """Imports one record while this process holds the lock of its run."""
    held = store.get(*_identity(result))
    if held is None:
        # not by Store.save, which would change the formatting of a file edited by hand
        write_atomically(store.path(*_identity(result)), data)
        return "imported"
    if held == result:
        return "here"
    here = Definitions.here()
    if here.adds(result, held):
        write_atomically(store.path(*_identity(result)), data)
        return "measured"
    if held.numbers == result.numbers or here.adds(held, result):
        return "repeated"
    if held.status != "done" and result.status == "done":
        earlier = (*held.history, Attempt(status=held.status, error=held.error))
        history = (*earlier, *result.history)
        store.save(dataclasses.replace(result, history=history), replace=True)
        return "replaced"
    return f"the store has other numbers: {_origin(held)} here, {_origin(result)} in the bundle"


def _tidy(lock: Path) -> None:
    """Removes the folder of a run if it holds only the lock, which this process has.

    Otherwise a run was interrupted here, and the folder holds its checkpoint.
    """
    if list(lock.parent.iterdir()) == [lock]:
        lock.unlink()
        with contextlib.suppress(OSError):  # a run that starts now has put its lock there
            lock.parent.rmdir()


def _unpack(source: Path, unpacked: Store) -> list[str]:
    """Unpacks a bundle; returns the names of its records, each of which `save` would accept."""
    listed = _extract(source, unpacked.folder)
    for name, sha256 in listed.items():
        path = unpacked.folder / name
        if path.stat().st_size > LARGEST:
            raise RecordError(f"{source}: {name!r} has more than {LARGEST:,} bytes.")
        if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            raise RecordError(f"{source}: the SHA-256 of {name!r} is not that of the manifest.")
        try:
            result = unpacked.load(path)
            place = unpacked.path(*_identity(result))
            schema.dump(result)
        except (RecordError, UsageError) as error:  # the latter for the name of a track
            reason = str(error).removeprefix(f"{unpacked.folder}/")
            raise RecordError(printable(f"{source}: {reason}")) from None
        if place != path:
            raise RecordError(f"{source}: {name!r} is not where its record belongs.")
    return list(listed)


def _extract(source: Path, folder: Path) -> dict[str, str]:
    """Unpacks a bundle into a new folder; returns the SHA-256 of each record by its name."""
    try:
        source.open("rb").close()
        files = extract(source, folder, limit=ROOM, members=MOST + 1)
    except OSError as error:
        raise UsageError(f"'{source}' cannot be read: {error.strerror}.") from None
    except DataError as error:
        _, _, reason = str(error).removeprefix(f"{source} ").partition(": ")
        raise RecordError(f"{source} is not a valid bundle of records: {reason}.") from None
    names = {path.relative_to(folder).as_posix() for path in files}
    if MANIFEST not in names:
        raise RecordError(f"{source} has no {MANIFEST}: it is not a bundle of records.")
    listed = _manifest(folder / MANIFEST, source)
    for odd in sorted(names ^ {MANIFEST, *listed}):
        raise RecordError(f"{source}: its manifest and its files differ in {odd!r}.")
    return listed


def _manifest(path: Path, source: Path) -> dict[str, str]:
    """Returns the SHA-256 of each record by its name, as the manifest lists them."""
    if path.stat().st_size > LARGEST:
        raise RecordError(f"{source}: {MANIFEST!r} has more than {LARGEST:,} bytes.")
    try:
        manifest = json.loads(path.read_bytes())
        listed, version = manifest["records"], manifest["format"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RecordError(
            f"{source} is not a valid bundle of records: its {MANIFEST} cannot be read."
        ) from None
    if version != FORMAT:
        raise RecordError(f"{source} has format {version!r:.20}; this version knows {FORMAT}.")
    if not isinstance(listed, dict) or len(listed) > MOST:
        raise RecordError(f"{source}: its {MANIFEST} does not list up to {MOST:,} records.")
    return listed


def _is_bundle(path: Path) -> bool:
    """Returns whether a file unpacks as a bundle; its records are not checked."""
    try:
        with tempfile.TemporaryDirectory(prefix="fmnbench-") as temporary:
            _extract(path, Path(temporary) / "records")
    except (UsageError, RecordError):
        return False
    return True


def _require_room(sizes: Sequence[int]) -> None:
    """Raises UsageError for files that an import would refuse, the manifest among them."""
    if len(sizes) > MOST + 1 or sum(sizes) > ROOM or max(sizes) > LARGEST:
        raise UsageError(
            f"{len(sizes) - 1:,} records of {sum(sizes):,} bytes, the largest of {max(sizes):,}, "
            f"do not fit in one bundle: it holds {MOST:,} of {ROOM:,}, the largest of {LARGEST:,}."
        )


def _manifest_of(files: dict[str, bytes]) -> bytes:
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    return json.dumps({"format": FORMAT, "records": hashes}, indent=1, sort_keys=True).encode()


def _packed(files: dict[str, bytes]) -> bytes:
    """Returns a zip of files; equal files give equal bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # Unix, whatever this machine is
            info.external_attr = (
                stat.S_IFREG | 0o644
            ) << 16  # otherwise unzip makes it unreadable
            archive.writestr(info, data)
    return packed.getvalue()


def _identity(result: Result) -> tuple[str, str]:
    return result.spec.track.name, result.spec.key


def _place(result: Result) -> str:
    """Returns the place of a record in a store or a bundle; UsageError as `Store.path`."""
    return Store(Path()).path(*_identity(result)).as_posix()


def _origin(result: Result) -> str:
    made = result.provenance
    return f"{result.status} on {made.device_name} with torch {made.torch} at {made.started}"
