"""The store: one JSON file per run, written whole or not at all, and checked when read."""

import contextlib
import gc
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from fmnbench.errors import RecordError, UsageError
from fmnbench.files import read_regular, write_atomically
from fmnbench.records import schema
from fmnbench.spec import KEY_LENGTH, Result

SUFFIX = ".json"
ROWS = ".rows.safetensors"  # after the key: likelihoods of test rows, beside the record
WORK, WEIGHTS = ".work", ".weights"  # folders that start with a dot hold no records
TRACK_NAME = re.compile(r"[A-Za-z0-9_+=,-][A-Za-z0-9._+=,-]*")
KEY = re.compile(f"[0-9a-f]{{{KEY_LENGTH}}}")
LONGEST = 200  # letters of a folder's name; file systems take 255 bytes
SHORTENED = 120  # letters that are kept of a longer one
SHOWN = 10  # candidates that an ambiguous prefix lists


def folder_name(track: str) -> str:
    """Returns the name of a track's folder: the track's own, shortened with a hash if too long.

    The "~" before the hash is in no track's name, so no two tracks share a folder.
    """
    if len(track) <= LONGEST:
        return track
    return f"{track[:SHORTENED]}~{hashlib.sha256(track.encode()).hexdigest()[:16]}"


class Store:
    """The records of a folder, at `<folder>/<track>/<key>.json`.

    A folder that does not exist yet is an empty store; it is made by the first `save`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"Store({str(self.folder)!r})"

    def path(self, track: str, key: str) -> Path:
        """Returns where a record stands or would stand; an impossible name is a UsageError."""
        if not TRACK_NAME.fullmatch(track):
            raise UsageError(
                f"The track name {track!r} cannot name a folder: letters, digits, '.', '_', '-', "
                "'+', '=' and ',' are allowed, and no '.' at the start."
            )
        return self.folder / folder_name(track) / f"{_checked_key(key)}{SUFFIX}"

    def rows(self, track: str, key: str) -> Path:
        """Returns the file for the likelihoods of a run's test rows; it need not exist."""
        record = self.path(track, key)
        return record.with_name(f"{record.stem}{ROWS}")

    def work(self, key: str) -> Path:
        """Returns the folder for one run's checkpoint and lock; it need not exist."""
        return self.folder / WORK / _checked_key(key)

    def weights(self, key: str) -> Path:
        """Returns the file for the weights of a done run's VAE; it need not exist."""
        return self.folder / WEIGHTS / f"{_checked_key(key)}.safetensors"

    def get(self, track: str, key: str) -> Result | None:
        """Returns the stored result, or None where there is none; RecordError as `load`."""
        path = self.path(track, key)
        return self.load(path) if path.is_file() else None

    def load(self, path: Path) -> Result:
        """Returns the result in a file of this store.

        A file that is truncated, altered, of another schema or in the wrong place, or that is no
        regular file, is a RecordError that names it and says what is wrong.
        """
        try:
            data = read_regular(path)
        except OSError as error:
            raise RecordError(f"{path}: cannot be read: {error.strerror}.") from None
        record = schema.parse(data, str(path))
        if path.stem != record.key:
            raise RecordError(f"{path}: the name does not match the key {record.key}.")
        if path.parent.name != folder_name(record.spec.track.name):
            raise RecordError(f"{path}: it is a record of track '{record.spec.track.name}'.")
        return record.result

    def results(
        self, tracks: Iterable[str] | None = None
    ) -> tuple[list[Result], list[RecordError]]:
        """Returns all results, or those of some tracks, and an error for each bad record.

        Both are sorted by track, then key.
        """
        results, errors = [], []
        with _without_collection():
            for path in self.paths(tracks):
                try:
                    results.append(self.load(path))
                except RecordError as error:
                    errors.append(error)
        return results, errors

    def paths(self, tracks: Iterable[str] | None = None) -> Iterator[Path]:
        """Yields the files of all records, or those of some tracks, sorted by track, then key."""
        wanted = None if tracks is None else {folder_name(track) for track in tracks}
        for name in _listed(self.folder):
            folder = self.folder / name
            if name.startswith(".") or (wanted is not None and name not in wanted):
                continue
            if folder.is_dir():
                yield from (
                    folder / file
                    for file in _listed(folder)
                    if file.endswith(SUFFIX) and not file.startswith(".")
                )

    def save(self, result: Result, *, replace: bool = False) -> Path:
        """Writes a result, whole or not at all; returns its file.

        Saving the same record twice does nothing. Another record of the same run is a UsageError
        unless `replace`; a folder that cannot be written is a WriteError. What JSON cannot hold
        (a NaN) or would read back as something else is a RecordError, and nothing is written.
        """
        path = self.path(result.spec.track.name, result.spec.key)
        data = schema.dump(result)
        if not replace and path.is_file():
            held = self.load(path)
            if held == result:
                return path
            same = "the same" if held.numbers == result.numbers else "other"
            raise UsageError(f"{path} holds another record of this run, with {same} numbers.")
        write_atomically(path, data)
        return path

    def set_aside(self, path: Path) -> Path:
        """Renames a corrupt record so that it is no longer read; returns its new name.

        That is `<key>.json.corrupt`, with a number after it where the name is taken.
        """
        number = 1
        while True:
            name = f"{path.name}.corrupt" + (f".{number}" if number > 1 else "")
            target = path.with_name(name)
            try:
                target.open("x").close()  # takes the name, so that no other process can
            except FileExistsError:
                number += 1
                continue
            path.replace(target)
            return target

    def remove(self, path: Path) -> None:
        """Deletes a record, and the likelihoods of its test rows."""
        path.unlink()
        path.with_name(f"{path.stem}{ROWS}").unlink(missing_ok=True)

    def find(self, prefix: str) -> Path:
        """Returns the file of the one record whose key starts so; else a UsageError says why."""
        found = [path for path in self.paths() if path.name.startswith(prefix.lower())]
        if len(found) == 1:
            return found[0]
        if not found:
            raise UsageError(f"No record in {self.folder} has a key that starts with '{prefix}'.")
        names = [f"{path.stem} ({path.parent.name})" for path in found[:SHOWN]]
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise UsageError(
            f"{len(found)} records have a key that starts with '{prefix}': "
            f"{', '.join(names)}{more}."
        )


@contextlib.contextmanager
def _without_collection() -> Iterator[None]:
    """Pauses the garbage collector, which would search all results for garbage while they grow."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _checked_key(key: str) -> str:
    if not KEY.fullmatch(key):
        raise UsageError(f"'{key}' is not the key of a record: a key is {KEY_LENGTH} hex digits.")
    return key


def _listed(folder: Path) -> list[str]:
    """Returns the sorted names in a folder; none where it does not exist."""
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - half the time of iterdir
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError(f"The store {folder} cannot be read: {error.strerror}.") from None
