"""Datasets of the Hugging Face hub, at a revision that does not move."""

import contextlib
import sys
import tempfile
from pathlib import Path

from fmnbench.data.cache import downloads
from fmnbench.data.dataset import CachedDataset
from fmnbench.data.readers.tables import Contents
from fmnbench.data.sources.quiet import without_bars
from fmnbench.data.sources.source import Hub
from fmnbench.errors import DataError
from fmnbench.files import read_regular, write_atomically

LARGEST_RECORD = 256  # bytes; a revision has 41
LOCAL = "local"  # stands for the revision of a folder of this machine


def read(hub: Hub, dataset: CachedDataset) -> tuple[Contents, str]:
    """Returns the contents of a dataset of the hub as `dataset` reads its rows, and the revision.

    A repository that is a folder of this machine is read as it is, with revision "local".

    Raises:
        DataError: the hub cannot be reached, or its rows are not what the dataset expects.
    """
    import datasets  # type: ignore[import-untyped]  # it ships no types; imports take 1.5 s

    try:
        revision = _revision(hub)
        options = {} if revision == LOCAL else {"revision": revision}
        bars = contextlib.nullcontext() if sys.stderr.isatty() else without_bars()
        with bars, tempfile.TemporaryDirectory(prefix="fmnbench-") as temporary:
            splits = datasets.load_dataset(hub.repository, cache_dir=temporary, **options)
            for name, split in splits.items():
                for column, feature in split.features.items():
                    if isinstance(feature, datasets.Image):
                        undecoded = datasets.Image(decode=False)
                        splits[name] = splits[name].cast_column(column, undecoded)
            contents = dataset.read_hub(splits)
    except Exception as error:  # noqa: BLE001, RUF100 - three libraries down to the network
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{hub.repository} cannot be read from the hub: {reason}") from error
    if revision != LOCAL:
        write_atomically(_record(hub), f"{revision}\n".encode())
    return contents, revision


def _revision(hub: Hub) -> str:
    """Returns the revision to ask for: the one given, the one recorded, or the newest."""
    if hub.revision is not None:
        return hub.revision
    if Path(hub.repository).is_dir():
        return LOCAL
    if _record(hub).is_file():
        return read_regular(_record(hub), LARGEST_RECORD).decode().strip()
    from huggingface_hub import HfApi  # absent where only the libraries that runs need are

    found = HfApi().dataset_info(hub.repository).sha
    if found is None:
        raise DataError(f"the hub names no revision of {hub.repository}")
    return found


def _record(hub: Hub) -> Path:
    return downloads("hub") / f"{hub.repository.replace('/', '--')}.revision"
