"""Data from outside: how they arrive in the cache, and whether they are still what they were."""

import dataclasses
import datetime
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import cast

from fmnbench.data import cache
from fmnbench.data.cache import CachedData, Manifest
from fmnbench.data.identity import InCache, declared, difference, measured
from fmnbench.data.readers.intake import read
from fmnbench.data.readers.tables import Contents
from fmnbench.data.sources import hub
from fmnbench.data.sources.catalogue import Source, outside, source
from fmnbench.data.sources.download import download, pin, pinned, require_online
from fmnbench.data.tokens import WORD_LIST
from fmnbench.errors import DataError, UsageError
from fmnbench.registry import datasets
from fmnbench.spec import KEY_LENGTH, Settings

Progress = Callable[[str, int, int | None], None]  # file name, bytes so far, bytes in all


def fetch(place: str, *, chosen: str | None, offline: bool, progress: Progress) -> Manifest:
    """Returns the account of a dataset, downloaded from the first source that has it.

    `chosen` is the one source to try. A file that is here already is not downloaded again.

    Raises:
        UsageError: the dataset or the source is unknown.
        DataError: no source gave it; the text says why, one after the other.
    """
    known = outside(place)
    sources = (source(place, chosen),) if chosen else known.sources
    if not sources:
        raise DataError(
            f"'{place}' can be had from no known place; bring {known.takes}: "
            f"fmnbench data import {place} PATH..."
        )
    reasons = []
    for each in sources:
        try:
            return _from(each, place, offline, progress)
        except DataError as error:
            reasons.append(f"{each.name}: {str(error).removesuffix('.')}")
    raise DataError(f"'{place}' could not be fetched. {'; '.join(reasons)}.")


def import_files(place: str, paths: Sequence[Path], *, longest: int | None = None) -> Manifest:
    """Returns the account of a dataset made from files that are here.

    Raises:
        UsageError: the dataset is unknown, not from outside, or has no words to count.
        DataError: the files are not what it is made from.
    """
    outside(place)
    if longest is not None and place == "omniglot":
        raise UsageError("'omniglot' has no words; --longest is for texts.")
    contents = read(place, paths, longest)
    return _arrived(place, contents, {path.name: _hash(path) for path in paths})


def verify(place: str) -> Manifest:
    """Returns the account of a dataset after working out its fingerprint, and what depends on it.

    Raises:
        DataMissing: it is not here.
        DataError: the data are not those of the account any more, or cannot be read.
    """
    data, known = cache.cached_data(place), cache.manifest(place)
    assert known is not None
    data.forget_derived()
    found = measured(_dataset(place, known.settings).splits(data))
    if found.sha256 != known.sha256:
        raise DataError(
            f"The data of '{place}' in {data.folder} have the fingerprint {found.sha256}; "
            f"recorded is {known.sha256}. Fetch or import them again."
        )
    return known


def _from(origin: Source, place: str, offline: bool, progress: Progress) -> Manifest:
    if origin.hub is not None:
        require_online(offline, f"the dataset {origin.hub.repository} is")
        contents, revision = hub.omniglot(origin.hub)
        return _arrived(place, contents, {origin.hub.repository: revision})
    folder = cache.downloads(origin.name)
    found = {}
    for name, remote in origin.files.items():
        path, recorded = folder / name, pinned(folder / name)
        if recorded is not None and path.is_file() and _hash(path) == recorded:
            found[name] = recorded
        else:
            require_online(offline, f"{name} is")
            found[name] = download(remote, path, progress=partial(progress, name))
    paths = [folder / name for name in origin.files]
    try:
        contents = read(place, paths)
    except DataError:
        for path in paths:  # the next fetch gets anew what has never been readable
            if pinned(path) is None:
                path.unlink(missing_ok=True)
        raise
    account = _arrived(place, contents, found)
    for name, sha256 in found.items():
        pin(folder / name, sha256)
    return account


def _arrived(place: str, contents: Contents, files: Mapping[str, str]) -> Manifest:
    """Puts new data into the cache, once they are what is declared of the dataset."""
    name = place.partition("/")[0]
    settings = datasets.settings(name)
    if name != place:
        settings["name"] = place.partition("/")[2]

    def describe(folder: Path) -> Manifest:
        if contents.word_list is not None:
            (folder / WORD_LIST).write_bytes(contents.word_list)
        data = CachedData(folder=folder, kind=contents.kind, binary=contents.binary)
        found = measured(_dataset(place, settings).splits(data))
        expected = declared(place)
        if expected is not None and (expected.form or "") == contents.form:
            reason = difference(found, expected, exact=True)
            if reason:
                raise DataError(
                    f"{contents.source}: not the dataset '{place}' as it is known: {reason}."
                )
        assert found.sha256 is not None
        return Manifest(
            place=place,
            folder=found.sha256[:KEY_LENGTH],
            kind=contents.kind,
            source=contents.source,
            form=contents.form,
            files=files,
            binary=contents.binary,
            dropped=contents.dropped,
            settings=settings,
            statistics=dataclasses.asdict(dataclasses.replace(found, form=contents.form or None)),
            arrived=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        )

    return cache.install(place, contents.tables, describe)


def _dataset(place: str, settings: Settings) -> InCache:
    return cast(InCache, datasets.get(place.partition("/")[0])(**settings))


def _hash(path: Path) -> str:
    """Returns the SHA-256 of a file; of a folder, that of its files' names and hashes."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    total = hashlib.sha256()
    for each in sorted(path.rglob("*")):
        if each.is_file():
            total.update(f"{each.relative_to(path).as_posix()} {_hash(each)}\n".encode())
    return total.hexdigest()
