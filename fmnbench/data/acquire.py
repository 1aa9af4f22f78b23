"""Installation of datasets in the cache, by download or from files, and its verification."""

import dataclasses
import datetime
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from fmnbench.data import cache
from fmnbench.data.cache import CachedData, Manifest
from fmnbench.data.catalogue import cached_dataset, settings_of, source
from fmnbench.data.dataset import CachedDataset
from fmnbench.data.identity import declared, difference, measured
from fmnbench.data.readers.opened import read
from fmnbench.data.readers.tables import Contents
from fmnbench.data.sources import hub
from fmnbench.data.sources.download import download, pin, pinned, present, require_online
from fmnbench.data.sources.source import Source
from fmnbench.data.tokens import WORD_LIST
from fmnbench.errors import DataError, UsageError
from fmnbench.spec import KEY_LENGTH

Progress = Callable[[str, int, int | None], None]  # file name, bytes so far, bytes in all


def fetch(
    name: str, *, chosen: str | None, offline: bool, progress: Progress, replace: bool = False
) -> Manifest:
    """Returns the manifest of a dataset, downloaded from the first source that has it.

    `chosen` is the only source to try. A file that was downloaded before is not downloaded again.

    Raises:
        UsageError: the dataset or the source is unknown, or other data are installed and
            `replace` is not set.
        DataError: no source provided it; the text has the reason of each.
    """
    dataset = cached_dataset(name)
    sources = (source(dataset, chosen),) if chosen else dataset.sources
    if not sources:
        raise DataError(
            f"'{name}' cannot be fetched from any known source; import {dataset.accepts}: "
            f"fmnbench data import {name} {dataset.import_example}"
        )
    reasons = []
    for each in sources:
        try:
            return _from(each, dataset, offline, progress, replace)
        except DataError as error:
            reasons.append(f"{each.name}: {str(error).removesuffix('.')}")
    raise DataError(f"'{name}' could not be fetched. {'; '.join(reasons)}.")


def import_files(
    name: str, paths: Sequence[Path], *, longest: int | None = None, replace: bool = False
) -> Manifest:
    """Returns the manifest of a dataset made from local files.

    Texts of more than `longest` words are left out.

    Raises:
        UsageError: the dataset is unknown or has no words to count, or other data are installed
            and `replace` is not set.
        DataError: the files are not what the dataset is made from.
    """
    dataset = cached_dataset(name)
    if longest is not None and not dataset.has_words:
        raise UsageError(f"'{name}' has no words; --longest is for texts.")
    contents = read(dataset, paths, longest=longest)
    return _install(dataset, contents, {path.name: _hash(path) for path in paths}, replace)


def verify(name: str) -> Manifest:
    """Returns the manifest of a dataset after computing its fingerprint anew.

    What was computed from the data before, such as ids of words, is computed anew too.

    Raises:
        DataMissing: it is not installed.
        DataError: the data are not those of the manifest any more, or cannot be read.
    """
    dataset = cached_dataset(name)
    data, known = dataset.data(), cache.manifest(name)
    assert known is not None
    data.forget_derived()
    found = measured(type(dataset)(**known.settings).splits(data))
    if found.sha256 != known.sha256:
        raise DataError(
            f"The data of '{name}' in {data.folder} have the fingerprint {found.sha256}; "
            f"recorded is {known.sha256}. Fetch or import them again."
        )
    return known


def _from(
    origin: Source, dataset: CachedDataset, offline: bool, progress: Progress, replace: bool
) -> Manifest:
    if origin.hub is not None:
        require_online(offline, f"the dataset {origin.hub.repository} is")
        contents, revision = hub.read(origin.hub, dataset)
        return _install(dataset, contents, {origin.hub.repository: revision}, replace)
    folder = cache.downloads(origin.name)
    found = {}
    for name, remote in origin.files.items():
        sha256 = present(remote, folder / name)
        if sha256 is None:
            require_online(offline, f"{name} is")
            sha256 = download(remote, folder / name, progress=partial(progress, name))
        found[name] = sha256
    paths = [folder / name for name in origin.files]
    try:
        contents = read(dataset, paths, members=origin.members)
    except DataError:
        for path in paths:  # a file that has never been readable is downloaded again next time
            if pinned(path) is None:
                path.unlink(missing_ok=True)
        raise
    manifest = _install(dataset, contents, found, replace)
    for name, sha256 in found.items():
        pin(folder / name, sha256)
    return manifest


def _install(
    dataset: CachedDataset, contents: Contents, files: Mapping[str, str], replace: bool
) -> Manifest:
    """Installs new data in the cache, once they are what is declared of the dataset."""
    name = dataset.cache_name

    def describe(folder: Path) -> Manifest:
        if contents.word_list is not None:
            (folder / WORD_LIST).write_bytes(contents.word_list)
        data = CachedData(folder=folder, kind=contents.kind, binary=contents.binary)
        found = measured(dataset.splits(data))
        expected = declared(name)
        if expected is not None and (expected.form or "") == contents.form:
            reason = difference(found, expected, exact=True)
            if reason:
                raise DataError(
                    f"{contents.source}: not the dataset '{name}' as it is known: {reason}."
                )
        assert found.sha256 is not None
        return Manifest(
            name=name,
            folder=found.sha256[:KEY_LENGTH],
            kind=contents.kind,
            source=contents.source,
            form=contents.form,
            files=files,
            binary=contents.binary,
            dropped=contents.dropped,
            labelled=contents.labelled,
            settings=settings_of(name),
            statistics=dataclasses.asdict(dataclasses.replace(found, form=contents.form or None)),
            installed_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        )

    return cache.install(name, contents.tables, describe, replace=replace)


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
