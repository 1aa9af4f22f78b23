"""Omniglot: 32,460 drawings of 1,623 characters by 20 people, 28×28 pixels.

Modules that take long to import, or that only an import of data needs (Pillow), are imported
where they are used: a listing of datasets imports this file.
"""

import zipfile
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32

from fmnbench.data.cache import SPLITS, CachedData
from fmnbench.data.dataset import CachedDataset, Row
from fmnbench.data.readers import local_file
from fmnbench.data.readers.omniglot_images import SIDE
from fmnbench.data.readers.tables import Contents, of_images
from fmnbench.data.sources.remote import https
from fmnbench.data.sources.shared import KIM, he
from fmnbench.data.sources.source import Hub, Source
from fmnbench.registry import datasets
from fmnbench.seeds import derived_seed

if TYPE_CHECKING:
    from fmnbench.data.splits import Splits

DERIVED = "derived"
PT_FILE, MAT_FILE = "omniglot.pt", "chardata.mat"
LAKE = "https://github.com/brendenlake/omniglot/raw/master/python/"


@datasets.register(
    "omniglot",
    kind="images",
    source="Lake et al. 2015; 28×28 and splits after Burda et al. 2016 and Kim et al. 2018",
    licence="MIT",
    version=1,
)
class Omniglot(CachedDataset):
    """Drawings of 1,623 characters from 50 alphabets by 20 people, 28×28 pixels.

    Pixels are bits. Where the source is grey, training rows are drawn anew at every visit,
    validation and test rows once with a fixed stream.
    """

    cache_name = "omniglot"
    shared_rows = 3  # at 28×28 pixels, drawn alike by people of two splits
    accepts = (
        "omniglot.pt, chardata.mat, an archive with one of them, or zips or folders of "
        "ALPHABET/characterNN/NNNN_MM.png at 105×105 or 28×28 pixels"
    )
    import_example = "images_background.zip images_evaluation.zip"
    sources = (
        Source(
            name="hub",
            summary="dpdl-benchmark/omniglot (Hugging Face hub)",
            hub=Hub(repository="dpdl-benchmark/omniglot"),
        ),
        KIM,
        he("omniglot", "1PbFAm2wtXfdnV7ZixImkBubC0A6-XwHU"),
        Source(
            name="burda",
            summary="chardata.mat of Burda et al. 2016 (GitHub)",
            files={
                MAT_FILE: https(
                    "https://github.com/yburda/iwae/raw/master/datasets/OMNIGLOT/chardata.mat"
                )
            },
        ),
        Source(
            name="lake",
            summary="the original drawings of Lake et al. 2015 (GitHub)",
            files={
                "images_background.zip": https(
                    f"{LAKE}images_background.zip", md5="68d2efa1b9178cc56df9314c21c6e718"
                ),
                "images_evaluation.zip": https(
                    f"{LAKE}images_evaluation.zip", md5="6b91aef0f799c5bb55b94e3f2daec811"
                ),
            },
        ),
    )

    def read(self, paths: Sequence[Path], *, longest: int | None = None) -> Contents:
        """Returns the images of one file of arrays, or of zips and folders of drawings."""
        from fmnbench.data.readers import omniglot_files  # imports torch, SciPy and Pillow

        assert longest is None, "images have no words"
        if len(paths) == 1:
            file = local_file.find(paths[0], (PT_FILE, MAT_FILE)) or paths[0]
            if file.suffix == ".pt":
                return of_images(omniglot_files.from_pt(file))
            if file.suffix == ".mat":
                return of_images(omniglot_files.from_mat(file))
        return of_images(omniglot_files.from_lake(paths))

    def read_hub(self, splits: Mapping[str, Iterable[Row]]) -> Contents:
        """Returns the images of all splits of the hub, which are pooled."""
        from fmnbench.data.readers.omniglot_files import from_hub_rows  # imports torch and Pillow

        rows = chain.from_iterable(splits[name] for name in sorted(splits))
        return of_images(from_hub_rows(rows))

    def reads_packed(self, path: Path) -> bool:
        """Whether a zip has drawings; a broken one is left for its reader to refuse."""
        try:
            with zipfile.ZipFile(path) as archive:
                return any(name.endswith(".png") for name in archive.namelist())
        except zipfile.BadZipFile:
            return path.suffix == ".zip"

    def splits(self, data: CachedData) -> "Splits":
        """Returns rows of 784 pixels, ink = 1."""
        import torch

        from fmnbench.data.splits import Splits

        parts = {name: _pixels(data, name) for name in SPLITS}
        if not data.binary:
            for name in ("validation", "test"):
                parts[name] = _bits(parts[name], name)
        train, validation, test = (torch.from_numpy(parts[name]) for name in SPLITS)
        return Splits(
            train=train,
            validation=validation,
            test=test,
            kind="images",
            image_shape=(SIDE, SIDE),
            rebinarise=not data.binary,
            derived=data.folder / DERIVED,
        )


def _pixels(data: CachedData, split: str) -> Float32[np.ndarray, "n 784"]:
    chunks = data.column(split, "image").chunks
    values = np.concatenate([chunk.flatten().to_numpy() for chunk in chunks])
    return values.reshape(-1, SIDE * SIDE)


def _bits(grey: Float32[np.ndarray, "n 784"], split: str) -> Float32[np.ndarray, "n 784"]:
    """Returns bits with probabilities `grey`, the same on every machine.

    They come from the raw output of PCG64, which NumPy keeps the same in all versions.
    """
    generator = np.random.PCG64(derived_seed(0, f"omniglot/binarisation/{split}"))
    uniform = (generator.random_raw(grey.size) >> 11) * 2.0**-53
    return (uniform.reshape(grey.shape) < grey).astype(np.float32)
