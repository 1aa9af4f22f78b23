"""Texts from files: one document a line, in the published layouts or in any three files."""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from fmnbench.data.readers import local_file
from fmnbench.errors import DataError

FORM = "UTF-8 text, one document a line"
START, END = "<s>", "</s>"
MOST_WORDS = 100_000  # of a text, where the user names no other number
ROOM = 200_000_000  # bytes that padded rows may take, however small their file
ID = 4  # bytes of a word's id
LABEL = re.compile(r"\d+\t")
VALIDATION_NAMES = ("val", "valid", "validation")
VOCABULARY_FILE = "vocab.txt"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Documents:
    """Three splits of documents, each a string of words with single spaces between.

    `empty` and `over_long` count the lines that were left out of all splits; `labelled` says that
    a label before each text was dropped. `vocabulary` is the word list beside the files.
    """

    train: list[str]
    validation: list[str]
    test: list[str]
    empty: int
    over_long: int
    labelled: bool
    source: str
    vocabulary: Path | None = None


class FileTexts(NamedTuple):
    """The documents of one file, and the numbers of lines that were left out."""

    documents: list[str]
    empty: int
    over_long: int


class FilesTexts(NamedTuple):
    """The documents of files that belong together, and whether labels were dropped."""

    files: list[FileTexts]
    labelled: bool


def from_files(
    train: Path, validation: Path, test: Path, *, longest: int | None = None
) -> Documents:
    """Returns the documents of any three UTF-8 files, as `read_files` reads them."""
    read = read_files((train, validation, test), longest=longest)
    parts = read.files
    return Documents(
        train=parts[0].documents,
        validation=parts[1].documents,
        test=parts[2].documents,
        empty=sum(part.empty for part in parts),
        over_long=sum(part.over_long for part in parts),
        labelled=read.labelled,
        source=f"{train.name}, {validation.name} and {test.name}",
    )


def from_folder(folder: Path, name: str, *, longest: int | None = None) -> Documents:
    """Returns the documents of an unpacked archive, in either layout that circulates.

    Kim et al. (2018): [data/][NAME/]{train,val,test}.txt. He et al. (2019):
    [NAME_data/]NAME.{train,valid,test}.txt with vocab.txt.
    Raises DataError where none of these is there, or as `read_files` does.
    """
    for place in _places(folder, name):
        for prefix in (f"{name}.", ""):
            paths = _three(place, prefix)
            if paths is None:
                continue
            documents = from_files(*paths, longest=longest)
            words = place / VOCABULARY_FILE
            return dataclasses.replace(documents, vocabulary=words if words.is_file() else None)
    raise DataError(
        f"{folder} has no texts of '{name}': expected {name}/{{train,val,test}}.txt or "
        f"{name}_data/{name}.{{train,valid,test}}.txt."
    )


def read_files(paths: Sequence[Path], *, longest: int | None = None) -> FilesTexts:
    """Returns the documents of UTF-8 files that belong together, one document a line.

    White space is collapsed; a leading <s> and a trailing </s> are dropped. Where every line of
    all files that is not empty begins with a whole number and a tab, these are labels and are
    dropped. Empty lines, and lines of more than `longest` words, are counted and left out.

    Raises:
        DataError: a file is missing, binary, a web page or has no document, only some lines
            begin with a label, or a text is so long that rows of its length would fill the memory.
    """
    lines = {path: _lines(path) for path in paths}
    labelled = _labelled(lines)
    return FilesTexts(
        [_documents(path, lines[path], longest, labelled) for path in paths], labelled
    )


def _labelled(lines: Mapping[Path, Sequence[str]]) -> bool:
    """Whether all lines of all files have a label; DataError where only some have."""
    marked, texts, bare = 0, 0, None
    for path, number, line in _numbered(lines):
        texts += 1
        if LABEL.match(line):
            marked += 1
        elif bare is None:
            bare = f"{path}, line {number}"
    if marked and bare:
        raise DataError(
            f"{marked:,} of {texts:,} lines begin with a number and a tab, as a label "
            f"does, but {bare}, does not; either all lines have a label or none."
        )
    return marked > 0


def _numbered(lines: Mapping[Path, Sequence[str]]) -> Iterator[tuple[Path, int, str]]:
    """Yields the lines that are not empty, with their numbers."""
    for path in lines:
        for number, line in enumerate(lines[path], start=1):
            if line and not line.isspace():
                yield path, number, line


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


def _lines(path: Path) -> list[str]:
    # only \n ends a line: other separators may be part of a document
    return _text(path).removesuffix("\n").split("\n")


def _documents(path: Path, lines: Sequence[str], longest: int | None, labelled: bool) -> FileTexts:
    """Returns the documents of one file and how many of its lines were left out."""
    documents, empty, over_long, most = [], 0, 0, 0
    for number, line in enumerate(lines, start=1):
        words = _words(line.partition("\t")[2] if labelled else line, longest or MOST_WORDS)
        if not words:
            empty += 1
        elif longest is not None and len(words) > longest:
            over_long += 1
        elif longest is None and len(words) > MOST_WORDS:
            raise DataError(
                f"{path}, line {number}: a text of more than {MOST_WORDS:,} words; --longest N "
                "leaves out texts of more than N words."
            )
        else:
            documents.append(" ".join(words))
            most = max(most, len(words))
    if not documents:
        raise DataError(
            f"{path} has no document: {empty:,} lines are empty and {over_long:,} over-long."
        )
    _require_room(path, len(documents), most, longest)
    return FileTexts(documents, empty, over_long)


def _require_room(path: Path, rows: int, most: int, longest: int | None) -> None:
    """Raises DataError where rows of the longest text's length are far larger than their file."""
    padded, room = rows * most * ID, max(ROOM, 4 * path.stat().st_size)
    if padded > room:
        given = f" (--longest {longest:,} was given)" if longest is not None else ""
        raise DataError(
            f"{path}: {rows:,} rows as long as its longest text, {most:,} words, take "
            f"{padded / 1e9:.1f} GB; --longest N leaves out texts of more than N words{given}; "
            f"up to --longest {room // (rows * ID)} they fit."
        )


def _words(line: str, most: int) -> list[str]:
    """Returns the words of a line without <s> and </s>; of more than `most` the last are one."""
    words = line.split(maxsplit=most + 2)
    if words and words[0] == START:
        del words[0]
    if words and words[-1] == END:
        del words[-1]
    return words
