"""The cache: each dataset as an Arrow folder of Hugging Face `datasets`, beside an account of it.

`<cache>/datasets/<place>/account.json` names the folder of the data that count, so that new data
take the place of old ones in one step. A place is a dataset's name, or text/NAME of one's own.
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
from typing import Literal

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow ships no types
import pydantic

from fmnbench.data.sources.catalogue import outside
from fmnbench.data.sources.quiet import without_bars
from fmnbench.errors import DataError, DataMissing, UsageError
from fmnbench.files import sync_folder, write_atomically
from fmnbench.spec import Settings

VARIABLE = "FMNBENCH_CACHE"  # names the cache's folder
MANIFEST = "account.json"
SPLITS = ("train", "validation", "test")
OWN_TEXTS = "text"  # the dataset whose places carry names that users give
Kind = Literal["images", "texts"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest:
    """What is known of the data of one place.

    `source` says in words what they were read from, `form` which published form of the dataset
    that is, `files` the SHA-256 of each file by name. `dropped` counts lines of texts that were
    left out. `statistics` are those of the dataset at `settings`, its defaults, as
    `fmnbench.data.identity` measures them; their sha256 is the fingerprint.
    """

    place: str
    folder: str
    kind: Kind
    source: str
    form: str
    files: Mapping[str, str]
    binary: bool = False
    dropped: Mapping[str, int] = dataclasses.field(default_factory=dict)
    settings: Settings
    statistics: Mapping[str, object]
    arrived: str

    @property
    def sha256(self) -> str:
        """The fingerprint at default settings."""
        return str(self.statistics["sha256"])


@dataclasses.dataclass(frozen=True, kw_only=True)
class CachedData:
    """Data that lie in a folder, to be made into splits."""

    folder: Path
    kind: Kind
    binary: bool = False

    def column(self, split: str, name: str) -> pa.ChunkedArray:
        """Returns a column, memory-mapped.

        Raises:
            DataError: the folder is not whole.
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
        """Removes what was worked out from the data, such as ids of words.

        Raises:
            DataError: the folder is not there.
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
    """Returns where data are kept: FMNBENCH_CACHE, or fmnbench's folder in the user's cache."""
    given = os.environ.get(VARIABLE)
    if given:
        return Path(given).expanduser().absolute()
    try:
        import platformdirs  # not there where only what runs need is installed
    except ImportError as error:
        raise UsageError(f"platformdirs is not installed; name a folder by {VARIABLE}.") from error
    return platformdirs.user_cache_path("fmnbench")


def downloads(source: str) -> Path:
    """Returns the folder of what was downloaded from a source."""
    return cache_folder() / "downloads" / source


def dataset_folder(place: str) -> Path:
    """Returns the folder of a place."""
    return cache_folder() / "datasets" / place


def own_texts() -> list[str]:
    """Returns the places of texts that users have brought."""
    return sorted(
        f"{OWN_TEXTS}/{path.parent.name}"
        for path in dataset_folder(OWN_TEXTS).glob(f"*/{MANIFEST}")
    )


def manifest(place: str) -> Manifest | None:
    """Returns the account of a place, or None where nothing is there.

    Raises:
        DataError: it cannot be read.
    """
    path = dataset_folder(place) / MANIFEST
    try:
        return _reader()(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, pydantic.ValidationError) as error:
        reason = str(error).split("\n")[0]
        raise DataError(f"{path} cannot be read ({reason}); fetch or import it again.") from error


def cached_data(place: str) -> CachedData:
    """Returns the data of a place.

    Raises:
        DataMissing: nothing is there; the text has the command that gets it.
    """
    found = manifest(place)
    if found is None:
        way = f"fetch {place}" if outside(place).sources else f"import {place} PATH..."
        raise DataMissing(f"The data of '{place}' are not here; get them by: fmnbench data {way}")
    return CachedData(
        folder=dataset_folder(place) / found.folder, kind=found.kind, binary=found.binary
    )


def install(
    place: str, tables: Mapping[str, pa.Table], describe: Callable[[Path], Manifest]
) -> Manifest:
    """Returns the account of new data, which are then those of the place.

    `describe` gets the folder of the tables and gives the account, or refuses the data by raising.
    What was there before stays until the new data are whole, then goes.
    """
    with _locked(place):
        with tempfile.TemporaryDirectory(dir=dataset_folder(place), prefix=".new.") as temporary:
            whole = Path(temporary) / "data"
            _write(tables, whole)
            found = describe(whole)
            if (
                dataset_folder(place) / found.folder
            ).exists():  # the same data, which may be damaged
                other = f"{found.folder}-{Path(temporary).suffix[1:]}"
                found = dataclasses.replace(found, folder=other)
            whole.replace(dataset_folder(place) / found.folder)
            sync_folder(dataset_folder(place))
        text = json.dumps(dataclasses.asdict(found), indent=1, sort_keys=True, ensure_ascii=False)
        write_atomically(dataset_folder(place) / MANIFEST, f"{text}\n".encode())
        for path in dataset_folder(
            place
        ).iterdir():  # what was there before, and what killed imports left
            if path.is_dir() and path.name != found.folder:
                shutil.rmtree(path, ignore_errors=True)
            elif path.suffix == ".tmp":
                path.unlink()
    return found


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
def _locked(place: str) -> Iterator[None]:
    """Keeps other processes from a place; waits for the one that is there first."""
    import filelock

    try:
        dataset_folder(place).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{dataset_folder(place)} cannot be made: {error.strerror}") from error
    with filelock.FileLock(dataset_folder(place) / "lock"):
        yield


@functools.cache
def _reader() -> Callable[..., Manifest]:
    return pydantic.TypeAdapter(Manifest).validate_json
