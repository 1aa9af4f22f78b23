"""The file of a bundle: a zip of records and a manifest of their hashes."""

import hashlib
import io
import json
import stat
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from fmnbench.data.sources.archives import extract
from fmnbench.errors import DataError, RecordError, UsageError
from fmnbench.files import write_atomically

MANIFEST = "manifest.json"
FORMAT = 2  # of the manifest; 1 where there are no likelihoods of test rows
LARGEST = 16 << 20  # bytes of one file; a record of 1,000 epochs has half a megabyte
MOST = 100_000  # records
ROOM = 1 << 30  # bytes of all files, unpacked; 20,000 records of 30 epochs and 8,000 test rows
EPOCH = (1980, 1, 1, 0, 0, 0)  # the date of every member: equal records give equal bytes


class Listed(NamedTuple):
    """The SHA-256 in hex of each record, and of each file of likelihoods, by its name."""

    records: Mapping[str, str]
    rows: Mapping[str, str]


def write_bundle(target: Path, records: Mapping[str, bytes], rows: Mapping[str, bytes]) -> None:
    """Writes a bundle of files by their names; equal files give equal bytes.

    Raises UsageError for another file in the place, for more than an import would take, and where
    the file cannot be written.
    """
    if target.exists() and not _is_bundle(target):
        raise UsageError(f"'{target}' exists and is not a bundle of records.")
    files = {**records, **rows}
    files = {MANIFEST: _manifest_of(records, rows), **dict(sorted(files.items()))}
    _require_room(len(records), [len(data) for data in files.values()])
    try:
        write_atomically(target, _packed(files))
    except OSError as error:
        raise UsageError(f"'{target}' cannot be written: {error.strerror}.") from None


def extract_bundle(source: Path, folder: Path) -> Listed:
    """Unpacks a bundle into a new folder, and checks the size and hash of each file.

    Raises:
        UsageError: the file cannot be read.
        RecordError: the file is not a valid bundle, or differs from its manifest.
    """
    listed = _extract(source, folder)
    for name, sha256 in {**listed.records, **listed.rows}.items():
        path = folder / name
        if path.stat().st_size > LARGEST:
            raise RecordError(f"{source}: {name!r} has more than {LARGEST:,} bytes.")
        if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            raise RecordError(f"{source}: the SHA-256 of {name!r} is not that of the manifest.")
    return listed


def _extract(source: Path, folder: Path) -> Listed:
    """Unpacks a bundle into a new folder; returns what its manifest lists."""
    try:
        source.open("rb").close()
        files = extract(source, folder, limit=ROOM, members=2 * MOST + 1)
    except OSError as error:
        raise UsageError(f"'{source}' cannot be read: {error.strerror}.") from None
    except DataError as error:
        _, _, reason = str(error).removeprefix(f"{source} ").partition(": ")
        raise RecordError(f"{source} is not a valid bundle of records: {reason}.") from None
    names = {path.relative_to(folder).as_posix() for path in files}
    if MANIFEST not in names:
        raise RecordError(f"{source} has no {MANIFEST}: it is not a bundle of records.")
    listed = _manifest(folder / MANIFEST, source)
    for odd in sorted(names ^ {MANIFEST, *listed.records, *listed.rows}):
        raise RecordError(f"{source}: its manifest and its files differ in {odd!r}.")
    return listed


def _manifest(path: Path, source: Path) -> Listed:
    """Returns what a manifest lists."""
    if path.stat().st_size > LARGEST:
        raise RecordError(f"{source}: {MANIFEST!r} has more than {LARGEST:,} bytes.")
    try:
        manifest = json.loads(path.read_bytes())
        records, version = manifest["records"], manifest["format"]
        rows = manifest.get("rows", {})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise RecordError(
            f"{source} is not a valid bundle of records: its {MANIFEST} cannot be read."
        ) from None
    if version not in (1, FORMAT):
        raise RecordError(f"{source} has format {version!r:.20}; this version knows 1, {FORMAT}.")
    if any(not isinstance(each, dict) or len(each) > MOST for each in (records, rows)):
        raise RecordError(f"{source}: its {MANIFEST} does not list up to {MOST:,} records.")
    return Listed(records, rows)


def _is_bundle(path: Path) -> bool:
    """Returns whether a file unpacks as a bundle; its records are not checked."""
    try:
        with tempfile.TemporaryDirectory(prefix="fmnbench-") as temporary:
            _extract(path, Path(temporary) / "records")
    except (UsageError, RecordError):
        return False
    return True


def _require_room(records: int, sizes: Sequence[int]) -> None:
    """Raises UsageError for files that an import would refuse, the manifest among them."""
    if records > MOST or sum(sizes) > ROOM or max(sizes) > LARGEST:
        raise UsageError(
            f"{records:,} records of {sum(sizes):,} bytes, the largest of {max(sizes):,}, "
            f"do not fit in one bundle: it holds {MOST:,} of {ROOM:,}, the largest of {LARGEST:,}."
        )


def _manifest_of(records: Mapping[str, bytes], rows: Mapping[str, bytes]) -> bytes:
    def hashes(files: Mapping[str, bytes]) -> dict[str, str]:
        return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}

    manifest: dict[str, object] = {"format": 1, "records": hashes(records)}
    if rows:  # older versions read a bundle without them
        manifest |= {"format": FORMAT, "rows": hashes(rows)}
    return json.dumps(manifest, indent=1, sort_keys=True).encode()


def _packed(files: Mapping[str, bytes]) -> bytes:
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
