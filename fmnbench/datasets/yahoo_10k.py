"""A small Yahoo, made of the validation and test texts of the official one."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from fmnbench.data.dataset import CachedTexts
from fmnbench.data.readers import local_file, text_files
from fmnbench.data.readers.permutation import held_out
from fmnbench.data.readers.tables import Contents, of_documents
from fmnbench.data.readers.text_files import Documents
from fmnbench.data.sources import shared
from fmnbench.errors import DataError
from fmnbench.registry import datasets

VALIDATION_FILES = ("val.txt", "valid.txt", "yahoo.valid.txt")
TEST_FILES = ("test.txt", "yahoo.test.txt")
VALIDATION = 1_000  # of the 10,000 documents of val.txt; the others train
PURPOSE = "yahoo-10k/validation"
SHA256 = {  # of the texts that Yang et al. (2017) sampled, 10,000 lines each
    "validation": "3247ac3ffcc4d4bfd6216f2aaa617f6706cdc4081874da39245fe156825898d1",
    "test": "ad843c4363adbdd07d8055d9bf121e5f23c285760df43a0031b89d8538293075",
}


@datasets.register(
    "yahoo-10k", kind="texts", source="Yang et al. 2017", licence="research", version=1
)
class Yahoo10k(CachedTexts):
    """A tenth of Yahoo: of its validation texts 9,000 train and 1,000 validate; its test texts."""

    cache_name = "yahoo-10k"
    sources = shared.YAHOO
    accepts = "Yahoo's validation and test texts, or a folder or an archive that has them"
    import_example = "val.txt test.txt"

    def read(self, paths: Sequence[Path], *, longest: int | None = None) -> Contents:
        """Returns the documents of the two texts, or of a folder with both."""
        if len(paths) == 1:
            files = (VALIDATION_FILES, TEST_FILES)
            paths = [local_file.find(paths[0], names) or paths[0] for names in files]
        if len(paths) != 2:
            raise self.wrong_number(paths)
        return of_documents(documents(*paths, longest=longest))


def documents(validation: Path, test: Path, *, longest: int | None = None) -> Documents:
    """Returns three splits of the official validation and test texts.

    The last 1,000 of a fixed permutation (purpose "yahoo-10k/validation") of the validation
    documents validate, the other 9,000 train; the 10,000 test documents are the test split.
    Raises DataError where a file is not, byte for byte, the official one.
    """
    for path, split in ((validation, "validation"), (test, "test")):
        local_file.require(path, text_files.FORM)
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != SHA256[split]:
            raise DataError(
                f"{path} is not the {split} text of Yahoo (Yang et al. 2017): its SHA-256 is "
                f"{found}, expected {SHA256[split]}."
            )
    read = text_files.read_files((validation, test), longest=longest)
    pool, held_back = read.files
    train_rows, validation_rows = held_out(len(pool.documents), VALIDATION, PURPOSE)
    return Documents(
        train=[pool.documents[row] for row in train_rows],
        validation=[pool.documents[row] for row in validation_rows],
        test=held_back.documents,
        empty=pool.empty + held_back.empty,
        over_long=pool.over_long + held_back.over_long,
        labelled=read.labelled,
        source="Yahoo's validation and test texts (Yang et al. 2017)",
    )
