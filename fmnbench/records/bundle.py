"""Bundles: zip files that carry records from the store of one machine to another."""

import contextlib
import dataclasses
import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from fmnbench.errors import RecordError, UsageError, unknown
from fmnbench.files import write_atomically
from fmnbench.printable import printable
from fmnbench.records import schema
from fmnbench.records.bundle_file import extract_bundle, write_bundle
from fmnbench.records.definitions import Definitions
from fmnbench.records.store import WORK, Store
from fmnbench.spec import Attempt, Result


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
    """Returns the number of records in a new bundle, and an error for each corrupt file.

    Corrupt records are left out, and so are corrupt likelihoods of test rows. An existing file is
    replaced only if it is a bundle.

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
    records: dict[str, bytes] = {}
    rows: dict[str, bytes] = {}
    for result in results:
        records[_place(result)] = (store.folder / _place(result)).read_bytes()
        try:
            found = _rows(store, result)
        except RecordError as error:
            errors.append(error)
        else:
            rows |= {} if found is None else {_rows_place(result): found}
    write_bundle(target, records, rows)
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
                return _settle(store, result, path.read_bytes(), unpacked)
            finally:
                _tidy(lock)
    except Timeout:
        return "the run is in progress here; import it again after the run has ended"
    except RecordError as error:
        return f"the store's own record is corrupt ({error})"


def _settle(store: Store, result: Result, data: bytes, unpacked: Store) -> str:
    """Imports one record while this process holds the lock of its run."""
    held = store.get(*_identity(result))
    if held is None:
        _with_rows(store, result, unpacked)
        # not by Store.save, which would change the formatting of a file edited by hand
        write_atomically(store.path(*_identity(result)), data)
        return "imported"
    if held == result:
        if not store.rows(*_identity(result)).exists():
            _with_rows(store, result, unpacked)
        return "here"
    here = Definitions.here()
    if here.adds(result, held):
        _with_rows(store, result, unpacked)
        write_atomically(store.path(*_identity(result)), data)
        return "measured"
    if held.numbers == result.numbers or here.adds(held, result):
        return "repeated"
    if held.status != "done" and result.status == "done":
        earlier = (*held.history, Attempt(status=held.status, error=held.error))
        history = (*earlier, *result.history)
        _with_rows(store, result, unpacked)
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
    listed = extract_bundle(source, unpacked.folder)
    strangers = set(listed.rows)
    for name in listed.records:
        path = unpacked.folder / name
        try:
            result = unpacked.load(path)
            place = unpacked.path(*_identity(result))
            schema.dump(result)
            if _rows(unpacked, result) is not None:
                strangers.discard(_rows_place(result))
        except (RecordError, UsageError) as error:  # the latter for the name of a track
            reason = str(error).removeprefix(f"{unpacked.folder}/")
            raise RecordError(printable(f"{source}: {reason}")) from None
        if place != path:
            raise RecordError(f"{source}: {name!r} is not where its record belongs.")
    for odd in sorted(strangers):
        raise RecordError(f"{source}: {odd!r} is named by no record.")
    return list(listed.records)


def _rows(store: Store, result: Result) -> bytes | None:
    """Returns the file of a record's test rows, None where there is none; RecordError if bad."""
    if result.rows is None:
        return None
    from fmnbench.records.rows import row_file  # imports numpy; most bundles need not wait

    found = row_file(store, result)
    return None if found is None else found[0]


def _with_rows(store: Store, result: Result, unpacked: Store) -> None:
    """Writes the likelihoods of test rows that a bundle has, before their record is written.

    Those of the record before go if the new one has others, or none.
    """
    data, path = _rows(unpacked, result), store.rows(*_identity(result))
    if data is not None:
        write_atomically(path, data)
    elif path.exists():
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        if result.rows is None or result.rows.sha256 != sha256:
            path.unlink()


def _identity(result: Result) -> tuple[str, str]:
    return result.spec.track.name, result.spec.key


def _place(result: Result) -> str:
    """Returns the place of a record in a store or a bundle; UsageError as `Store.path`."""
    return Store(Path()).path(*_identity(result)).as_posix()


def _origin(result: Result) -> str:
    made = result.provenance
    return f"{result.status} on {made.device_name} with torch {made.torch} at {made.started}"


def _rows_place(result: Result) -> str:
    return Store(Path()).rows(*_identity(result)).as_posix()
