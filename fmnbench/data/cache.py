"""The cache: each dataset as an Arrow folder of Hugging Face `datasets`, with a manifest.

`<cache>/datasets/<name>/account.json`, the manifest, names the folder of the current data, so
that new data replace old ones in one step. A name is that of a dataset, or NAME/OWN for data
that users name, such as text/news.
"""

import contextlib
import dataclasses
import functools
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow ships no types
import pydantic

from fmnbench.data.sources.quiet import without_bars
from fmnbench.errors import DataError, DataMissing, UsageError
from fmnbench.files import read_regular, sync_folder, write_atomically
from fmnbench.spec import Settings

VARIABLE = "FMNBENCH_CACHE"  # names the cache's folder
LARGEST_MANIFEST = 1 << 20  # bytes; the longest has 3,000
MANIFEST = "account.json"  # the first version's name, as the fields `place` and `arrived` are
SPLITS = ("train", "validation", "test")
Kind = Literal["images", "texts"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest:
    """What is recorded of the data installed under one name.

    `source` says in words what they were read from, `form` which published form of the dataset
    that is, `files` the SHA-256 of each file by name. `dropped` counts lines of texts that were
    left out; `labelled` says that a label before each text was dropped. `statistics` are those of
    the dataset at `settings`, its defaults, as `fmnbench.data.identity` measures them; their
    sha256 is the fingerprint.
    """

    name: Annotated[str, pydantic.Field(alias="place")]
    folder: str
    kind: Kind
    source: str
    form: str
    files: Mapping[str, str]
    binary: bool = False
    dropped: Mapping[str, int] = dataclasses.field(default_factory=dict)
    labelled: bool = False
    settings: Settings
    statistics: Mapping[str, object]
    installed_at: Annotated[str, pydantic.Field(alias="arrived")]

    @property
    def sha256(self) -> str:
        """The fingerprint at default settings."""
        return str(self.statistics["sha256"])

    @property
    def summary(self) -> str:
        """The number of rows and the source, in words."""
        rows = self.statistics.get("rows")
        total = sum(rows.values()) if isinstance(rows, Mapping) else 0
        return f"{total:,} rows from {self.source}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class CachedData:
    """Data in a folder of the cache, from which splits are made."""

    folder: Path
    kind: Kind
    binary: bool = False

    def column(self, split: str, name: str) -> pa.ChunkedArray:
        """Returns a column, memory-mapped.

        Raises:
            DataError: the folder is incomplete.
        """
        parts = sorted((self.folder / split).glob("*.arrow"))
        try:
            tables = [pa.ipc.open_stream(pa.memory_map(str(path))).read_all() for path in parts]
            whole = pa.concat_tables(tables)
            whole.validate(full=True)  # Arrow follows wrong offsets out of its memory
            return whole[name]
        except (OSError, KeyError, ValueError, pa.ArrowException) as error:
            raise self._damaged(error) from error

    def forget_derived(self) -> None:
        """Removes what was computed from the data, such as ids of words.

        Raises:
            DataError: the folder is missing.
        """
        try:
            for path in self.folder.iterdir():
                if path.is_dir() and path.name not in SPLITS:
                    shutil.rmtree(path)
        except OSError as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> DataError:
        reason = " ".join(str(error).split())
        return DataError(
            f"The data in {self.folder} are damaged ({reason}); fetch or import them again."
        )


def cache_folder() -> Path:
    """Returns the cache's folder: FMNBENCH_CACHE, or fmnbench's own in the user's cache folder."""
    given = os.environ.get(VARIABLE)
    if given:
        return Path(given).expanduser().absolute()
    try:
        import platformdirs  # absent where only the libraries that runs need are installed
    except ImportError as error:
        raise UsageError(f"platformdirs is not installed; name a folder by {VARIABLE}.") from error
    return platformdirs.user_cache_path("fmnbench")


def downloads(source: str) -> Path:
    """Returns the folder of what was downloaded from a source."""
    return cache_folder() / "downloads" / source


def dataset_folder(name: str) -> Path:
    """Returns the folder of the data installed under a name."""
    return cache_folder() / "datasets" / name


def is_installed(name: str) -> bool:
    """Whether data are installed under a name; their manifest is not read."""
    return (dataset_folder(name) / MANIFEST).is_file()


def user_names(name: str) -> list[str]:
    """Returns the names NAME/OWN of installed data that users named themselves."""
    paths = dataset_folder(name).glob(f"*/{MANIFEST}")
    return sorted(f"{name}/{path.parent.name}" for path in paths)


def manifest(name: str) -> Manifest | None:
    """Returns the manifest of the data installed under a name, or None where there are none.

    Raises:
        DataError: it cannot be read.
    """
    path = dataset_folder(name) / MANIFEST
    try:
        return _reader()(read_regular(path, LARGEST_MANIFEST))
    except FileNotFoundError:
        return None
    except (OSError, pydantic.ValidationError) as error:
        reason = str(error).split("\n")[0]
        raise DataError(f"{path} cannot be read ({reason}); fetch or import it again.") from error


def cached_data(name: str) -> CachedData:
    """Returns the data installed under a name.

    Raises:
        DataMissing: there are none.
    """
    found = manifest(name)
    if found is None:
        raise DataMissing(f"Dataset '{name}' is not installed.")
    return CachedData(
        folder=dataset_folder(name) / found.folder, kind=found.kind, binary=found.binary
    )


def install(
    name: str,
    tables: Mapping[str, pa.Table],
    describe: Callable[[Path], Manifest],
    *,
    replace: bool = False,
) -> Manifest:
    """Returns the manifest of new data, which are then those installed under the name.

    `describe` gets the folder of the tables and returns the manifest, or refuses the data by
    raising. Earlier data stay until the new ones are whole, and are then removed.

    Raises:
        UsageError: other data are installed under the name, and `replace` is not set.
    """
    with _locked(name):
        with tempfile.TemporaryDirectory(dir=dataset_folder(name), prefix=".new.") as temporary:
            whole = Path(temporary) / "data"
            _write(tables, whole)
            found = describe(whole)
            if not replace:
                _require_same(name, found)
            # the same data, which may be damaged
            if (dataset_folder(name) / found.folder).exists():
                other = f"{found.folder}-{Path(temporary).suffix[1:]}"
                found = dataclasses.replace(found, folder=other)
            whole.replace(dataset_folder(name) / found.folder)
            sync_folder(dataset_folder(name))
        adapter = pydantic.TypeAdapter(Manifest)
        fields = adapter.dump_python(found, mode="json", by_alias=True)
        text = json.dumps(fields, indent=1, sort_keys=True, ensure_ascii=False)
        write_atomically(dataset_folder(name) / MANIFEST, f"{text}\n".encode())
        for path in dataset_folder(name).iterdir():  # earlier data, and those of killed imports
            if path.is_dir() and path.name != found.folder:
                shutil.rmtree(path, ignore_errors=True)
            elif path.suffix == ".tmp":
                path.unlink()
    return found


def _require_same(name: str, new: Manifest) -> None:
    """Raises UsageError where other data than the new ones are installed."""
    try:
        old = manifest(name)
    except DataError:
        return  # a manifest that cannot be read says to fetch or import again
    if old is not None and old.sha256 != new.sha256:
        raise UsageError(
            f"Other data are installed as '{name}': {old.summary}; the new data have "
            f"{new.summary}. To replace the installed data, add --replace."
        )


def _write(tables: Mapping[str, pa.Table], folder: Path) -> None:
    """Writes tables as `datasets.load_from_disk` reads them, and sees them onto the disk."""
    import datasets  # type: ignore[import-untyped]  # it ships no types

    splits = {name: datasets.Dataset(table) for name, table in tables.items()}
    try:
        with without_bars():
            datasets.DatasetDict(splits).save_to_disk(folder, num_shards=dict.fromkeys(splits, 1))
    except OSError as error:
        raise DataError(f"{folder} cannot be written: {error.strerror or error}") from error
    for path in folder.rglob("*.arrow"):
        with path.open("rb+") as file:
            os.fsync(file.fileno())


@contextlib.contextmanager
def _locked(name: str) -> Iterator[None]:
    """Keeps other processes from the data of a name; waits for the one that came first."""
    import filelock

    try:
        dataset_folder(name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{dataset_folder(name)} cannot be made: {error.strerror}") from error
    with filelock.FileLock(dataset_folder(name) / "lock"):
        yield


@functools.cache
def _reader() -> Callable[..., Manifest]:
    return pydantic.TypeAdapter(Manifest).validate_json
