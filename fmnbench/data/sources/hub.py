"""Datasets of the Hugging Face hub, at a revision that does not move."""

import contextlib
import itertools
import sys
import tempfile
from pathlib import Path

from fmnbench.data.cache import downloads
from fmnbench.data.readers.omniglot_files import from_hub_rows
from fmnbench.data.readers.tables import Contents, of_images
from fmnbench.data.sources.catalogue import Hub
from fmnbench.data.sources.quiet import without_bars
from fmnbench.errors import DataError
from fmnbench.files import write_atomically

LOCAL = "local"  # stands for the revision of a folder of this machine


def omniglot(hub: Hub) -> tuple[Contents, str]:
    """Returns Omniglot as the hub has it, and the revision.

    A repository that is a folder of this machine is read as it is, with revision "local".

    Raises:
        DataError: the hub cannot be reached, or has not what is expected.
    """
    import datasets  # type: ignore[import-untyped]  # it ships no types

    try:
        revision = _revision(hub)
        options = {} if revision == LOCAL else {"revision": revision}
        bars = contextlib.nullcontext() if sys.stderr.isatty() else without_bars()
        with bars, tempfile.TemporaryDirectory(prefix="fmnbench-") as temporary:
            splits = datasets.load_dataset(hub.repository, cache_dir=temporary, **options)
            undecoded = datasets.Image(decode=False)
            rows = [splits[name].cast_column("image", undecoded) for name in sorted(splits)]
            contents = of_images(from_hub_rows(itertools.chain.from_iterable(rows)))
    except Exception as error:  # noqa: BLE001, RUF100 - three libraries down to the network
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"the dataset {hub.repository} cannot be had: {reason}") from error
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
        return _record(hub).read_text().strip()
    from huggingface_hub import HfApi

    found = HfApi().dataset_info(hub.repository).sha
    if found is None:
        raise DataError(f"the hub names no revision of {hub.repository}")
    return found


def _record(hub: Hub) -> Path:
    return downloads("hub") / f"{hub.repository.replace('/', '--')}.revision"
