"""The contents of a dataset's files, of any layout, as the tables that the cache stores."""

import dataclasses
from collections.abc import Mapping

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow ships no types

from fmnbench.data.cache import SPLITS, Kind
from fmnbench.data.readers import local_file
from fmnbench.data.readers.omniglot_images import PIXELS, Images
from fmnbench.data.readers.text_files import Documents
from fmnbench.data.vocabulary import FORM, LARGEST_LIST


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contents:
    """Three tables with one column, `image` or `text`, and what the manifest says of them."""

    kind: Kind
    tables: Mapping[str, pa.Table]
    source: str
    form: str = ""
    binary: bool = False
    dropped: Mapping[str, int] = dataclasses.field(default_factory=dict)
    labelled: bool = False  # a label before each text was dropped
    word_list: bytes | None = None  # the vocabulary file beside texts


def of_images(images: Images) -> Contents:
    """Returns images as lists of 784 shares of ink, float32, row by row from the top left."""
    tables = {
        split: pa.table(
            {"image": pa.FixedSizeListArray.from_arrays(getattr(images, split).ravel(), PIXELS)}
        )
        for split in SPLITS
    }
    return Contents(
        kind="images",
        tables=tables,
        source=images.source,
        form=images.form,
        binary=images.binary,
    )


def of_documents(documents: Documents) -> Contents:
    """Returns texts as strings of words with single spaces between."""
    return Contents(
        kind="texts",
        tables={
            split: pa.table({"text": pa.array(getattr(documents, split), pa.string())})
            for split in SPLITS
        },
        source=documents.source,
        dropped={"empty": documents.empty, "over-long": documents.over_long},
        labelled=documents.labelled,
        word_list=local_file.read(documents.vocabulary, FORM, LARGEST_LIST)
        if documents.vocabulary
        else None,
    )
