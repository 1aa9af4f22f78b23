"""Texts from files: one document a line, in the layouts that circulate and in one's own."""

import dataclasses
import hashlib
import re
from pathlib import Path
from typing import NamedTuple

from fmnbench.data.readers import local_file
from fmnbench.data.readers.permutation import held_out
from fmnbench.errors import DataError

FORM = "UTF-8 text, one document a line"
START, END = "<s>", "</s>"
LABEL = re.compile(r"\d+\t")
VALIDATION_NAMES = ("val", "valid", "validation")
VOCABULARY_FILE = "vocab.txt"
YAHOO_VALIDATION = 1_000  # of the 10,000 documents of val.txt; the others train
YAHOO_PURPOSE = "yahoo-10k/validation"
YAHOO_SHA256 = {  # of the texts that Yang et al. (2017) sampled, 10,000 lines each
    "validation": "3247ac3ffcc4d4bfd6216f2aaa617f6706cdc4081874da39245fe156825898d1",
    "test": "ad843c4363adbdd07d8055d9bf121e5f23c285760df43a0031b89d8538293075",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Documents:
    """Three splits of documents, each a string of words with single spaces between.

    `empty` and `over_long` count the lines that were dropped from all splits; `labelled` says
    that a label before each text was. `vocabulary` is the word list that came with the files.
    """

    train: list[str]
    validation: list[str]
    test: list[str]
    empty: int
    over_long: int
    labelled: bool
    source: str
    vocabulary: Path | None = None


class _Lines(NamedTuple):
    """What one file holds."""

    documents: list[str]
    empty: int
    over_long: int


def from_files(
    train: Path,
    validation: Path,
    test: Path,
    *,
    longest: int | None = None,
    labelled: bool = False,
) -> Documents:
    """Returns the documents of any three UTF-8 files, one a line.

    White space is collapsed; a leading <s> and a trailing </s> are dropped, as is what stands
    before the first tab where lines are `labelled`. Empty lines, and lines of more than
    `longest` words, are counted and dropped.
    Raises DataError where a file is missing, binary, a web page or has no document.
    """
    parts = [_read(path, longest, labelled) for path in (train, validation, test)]
    return Documents(
        train=parts[0].documents,
        validation=parts[1].documents,
        test=parts[2].documents,
        empty=sum(part.empty for part in parts),
        over_long=sum(part.over_long for part in parts),
        labelled=labelled,
        source=f"{train.name}, {validation.name} and {test.name}",
    )


def from_folder(folder: Path, name: str, *, longest: int | None = None) -> Documents:
    """Returns the documents of an unpacked archive, in either layout that circulates.

    Kim et al. (2018): [data/][NAME/]{train,val,test}.txt. He et al. (2019):
    [NAME_data/]NAME.{train,valid,test}.txt with vocab.txt; where the first training line starts
    with a number and a tab, as Yelp's do, every line must have a label, and labels are dropped.
    Raises DataError where none of these is there, or as `from_files` does.
    """
    for place in _places(folder, name):
        for prefix in (f"{name}.", ""):
            paths = _three(place, prefix)
            if paths is None:
                continue
            documents = from_files(
                *paths, longest=longest, labelled=LABEL.match(_text(paths[0])) is not None
            )
            words = place / VOCABULARY_FILE
            return dataclasses.replace(documents, vocabulary=words if words.is_file() else None)
    raise DataError(
        f"{folder} has no texts of '{name}': expected {name}/{{train,val,test}}.txt or "
        f"{name}_data/{name}.{{train,valid,test}}.txt."
    )


def yahoo_10k(validation: Path, test: Path, *, longest: int | None = None) -> Documents:
    """Returns a small Yahoo made of the official validation and test texts alone.

    The last 1,000 of a fixed permutation (purpose "yahoo-10k/validation") of the validation
    documents validate, the other 9,000 train; the 10,000 test documents are the test split.
    Raises DataError where a file is not, byte for byte, the one that everybody has.
    """
    for path, split in ((validation, "validation"), (test, "test")):
        local_file.require(path, FORM)
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != YAHOO_SHA256[split]:
            raise DataError(
                f"{path} is not the {split} text of Yahoo (Yang et al. 2017): its SHA-256 is "
                f"{found}, expected {YAHOO_SHA256[split]}."
            )
    pool, held = (_read(path, longest, labelled=False) for path in (validation, test))
    train_rows, validation_rows = held_out(len(pool.documents), YAHOO_VALIDATION, YAHOO_PURPOSE)
    return Documents(
        train=[pool.documents[row] for row in train_rows],
        validation=[pool.documents[row] for row in validation_rows],
        test=held.documents,
        empty=pool.empty + held.empty,
        over_long=pool.over_long + held.over_long,
        labelled=False,
        source="Yahoo's validation and test texts (Yang et al. 2017)",
    )


def _places(folder: Path, name: str) -> list[Path]:
    """Returns the folders to look into: the likely ones, then all others."""
    likely = ("", name, f"data/{name}", f"{name}_data")
    others = sorted(path for path in folder.rglob("*") if path.is_dir())
    return [*(folder / place for place in likely), *others]


def _three(place: Path, prefix: str) -> tuple[Path, Path, Path] | None:
    """Returns the files of three splits in a folder, or None where one is not there."""
    for name in VALIDATION_NAMES:
        train, validation, test = (
            place / f"{prefix}{split}.txt" for split in ("train", name, "test")
        )
        if train.is_file() and validation.is_file() and test.is_file():
            return train, validation, test
    return None


def _text(path: Path) -> str:
    """Returns a file's text; binary data and web pages are a DataError with the line number."""
    local_file.require(path, FORM)
    content = path.read_bytes()
    null = content.find(b"\0")
    if null >= 0:
        raise DataError(f"{path}, line {_line(content, null)}: a NUL byte; expected {FORM}.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}, line {_line(content, error.start)}: not UTF-8 ({error.reason}); "
            f"expected {FORM}."
        ) from error


def _line(content: bytes, place: int) -> int:
    return content.count(b"\n", 0, place) + 1


def _read(path: Path, longest: int | None, labelled: bool) -> _Lines:
    """Returns the documents of one file and how many lines were dropped."""
    documents, empty, over_long = [], 0, 0
    # only \n ends a line: other separators may be part of a document
    for number, line in enumerate(_text(path).removesuffix("\n").split("\n"), start=1):
        words = _words(line, labelled, path, number)
        if not words:
            empty += 1
        elif longest is not None and len(words) > longest:
            over_long += 1
        else:
            documents.append(" ".join(words))
    if not documents:
        raise DataError(
            f"{path} has no document: {empty:,} lines are empty and {over_long:,} over-long."
        )
    return _Lines(documents, empty, over_long)


def _words(line: str, labelled: bool, path: Path, number: int) -> list[str]:
    """Returns the words of a line without label, <s> and </s>."""
    if labelled and line.strip():
        label, tab, line = line.partition("\t")
        if not tab:
            raise DataError(f"{path}, line {number}: no label and tab before '{label[:20]}'.")
    words = line.split()
    if words and words[0] == START:
        del words[0]
    if words and words[-1] == END:
        del words[-1]
    return words
