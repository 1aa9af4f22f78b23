"""What a dataset declares, and how one in the cache is found. This module does not import torch.

`fmnbench data list` imports the files of all datasets that are installed in the cache; only
loading rows imports torch, which takes seconds.
"""

import abc
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from fmnbench.data import cache
from fmnbench.data.cache import CachedData
from fmnbench.data.readers import text_files
from fmnbench.data.readers.tables import Contents, of_documents
from fmnbench.data.sources.source import Source
from fmnbench.data.tokens import derived_folder, encoded, require_known_words
from fmnbench.data.vocabulary import SPECIALS
from fmnbench.errors import DataError, DataMissing, UsageError

if TYPE_CHECKING:
    from fmnbench.data.splits import Splits

Row = Mapping[str, object]  # of the Hugging Face hub: values by column


class Dataset(abc.ABC):
    """A registered dataset; its settings are its keyword-only arguments."""

    shared_rows: ClassVar[int] = 0  # rows that two splits share by nature
    imports: ClassVar[tuple[str, ...]] = ()  # slow modules, which workers are to share

    @abc.abstractmethod
    def load(self) -> "Splits":
        """Returns the splits; the same bytes every time."""


class CachedDataset(Dataset):
    """A dataset whose data are installed in the cache, by download or from the user's files.

    A subclass declares where its data come from and what `fmnbench data import` accepts, reads
    files into contents for the cache, and makes splits of the cached data.
    """

    cache_name: str  # of the data in the cache: the registered name, or NAME/OWN (`user_named`)
    accepts: ClassVar[str]  # the files that `data import` takes, in words
    import_example: ClassVar[str] = "PATH..."  # arguments of `data import` after the name
    sources: ClassVar[tuple[Source, ...]] = ()  # in the order in which they are tried
    smaller: ClassVar[tuple[str, ...]] = ()  # names of smaller datasets of the same family
    user_named: ClassVar[bool] = False  # users name their data, by a setting `name`
    has_words: ClassVar[bool] = False  # texts, whose length in words can be limited

    @abc.abstractmethod
    def read(self, paths: Sequence[Path], *, longest: int | None = None) -> Contents:
        """Returns the contents of files and folders, archives unpacked.

        Texts of more than `longest` words are left out.

        Raises:
            DataError: the files are not what `accepts` says.
        """

    def read_hub(self, splits: Mapping[str, Iterable[Row]]) -> Contents:
        """Returns the contents of a dataset of the hub: rows by split, images not decoded.

        Raises:
            DataError: the rows are not what is expected, or cannot be read at all.
        """
        raise DataError(f"'{self.cache_name}' has no reader for rows of the hub")

    def reads_packed(self, path: Path) -> bool:  # noqa: ARG002, RUF100 - for subclasses
        """Whether `read` takes this archive as it is; by default archives are unpacked."""
        return False

    @abc.abstractmethod
    def splits(self, data: CachedData) -> "Splits":
        """Returns the splits of data in any folder; the same bytes every time."""

    def load(self) -> "Splits":
        """Returns the splits.

        Raises:
            DataMissing: the data are not installed; the text has the commands that install them.
        """
        return self.splits(self.data())

    def data(self) -> CachedData:
        """Returns the installed data; raises DataMissing where there are none."""
        reason = self.missing()
        if reason:
            raise DataMissing(reason)
        return cache.cached_data(self.cache_name)

    def missing(self) -> str:
        """Returns how to install the data in one line, "" where they are installed."""
        name = self.cache_name
        if cache.manifest(name) is not None:
            return ""
        ways = [f"get it: fmnbench data fetch {name}"] if self.sources else []
        way = f"import{'' if ways else ' it'}: fmnbench data import {name} {self.import_example}"
        text = f"Dataset '{name}' is not installed; {', or '.join([*ways, way])}"
        instead = [f"'{other}'" for other in self.smaller if cache.manifest(other) is not None]
        return f"{text}; installed and smaller: {', '.join(instead)}" if instead else text


class CachedTexts(CachedDataset):
    """Texts in the cache as ids of words, at most `vocabulary` different ones.

    With `test_rows`, the test split has only its first texts, so many of them.
    """

    accepts = "a folder or an archive in the layout of Kim et al. or He et al., or the three texts"
    import_example = "train.txt valid.txt test.txt"
    has_words = True

    def __init__(self, *, vocabulary: int | None = None, test_rows: int | None = None) -> None:
        if vocabulary is not None and vocabulary <= len(SPECIALS):
            raise UsageError(f"vocabulary is {vocabulary}; it must be above {len(SPECIALS)}.")
        if test_rows is not None and test_rows < 1:
            raise UsageError(f"test_rows is {test_rows}; it must be 1 or above.")
        self.vocabulary = vocabulary
        self.test_rows = test_rows

    def read(self, paths: Sequence[Path], *, longest: int | None = None) -> Contents:
        """Returns the documents of one folder in a known layout, or of three files."""
        if len(paths) == 1 and paths[0].is_dir():
            name = self.cache_name.rpartition("/")[2]
            return of_documents(text_files.from_folder(paths[0], name, longest=longest))
        if len(paths) == 3:
            return of_documents(text_files.from_files(*paths, longest=longest))
        raise self.wrong_number(paths)

    def wrong_number(self, paths: Sequence[Path]) -> DataError:
        """Returns the error for another number of files than the dataset is made from."""
        given = f"{len(paths)} file{'s' * (len(paths) > 1)}"
        return DataError(f"'{self.cache_name}' is made from {self.accepts}; given: {given}.")

    def splits(self, data: CachedData) -> "Splits":
        """Returns rows as wide as the longest text of all splits."""
        from fmnbench.data.splits import text_splits  # imports torch; a listing need not wait

        vocabulary, texts = encoded(data, self.vocabulary)
        require_known_words(texts, len(vocabulary), self.cache_name)
        made = text_splits(vocabulary, texts, derived_folder(data, self.vocabulary))
        return dataclasses.replace(made, test=made.test[: self.test_rows])


def class_of(component: object) -> type[Dataset]:
    """Returns the class of a registered dataset.

    A plain class or function that only has `load` declares nothing: it counts as `Dataset`.
    """
    if isinstance(component, type) and issubclass(component, Dataset):
        return component
    return Dataset


def require_plain_name(own: str) -> None:
    """Raises UsageError for a name of the user's that could lead out of its folder."""
    if not own.replace("-", "").replace("_", "").isalnum():
        raise UsageError(f"'{own}' cannot name a text; letters, digits, '-' and '_' are allowed.")
