"""Words and their ids: a vocabulary, and documents as rows of ids of different lengths."""

import collections
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow ships no types
import pyarrow.compute as pc  # type: ignore[import-untyped]  # the same
from jaxtyping import Int32, Int64

from fmnbench.data.readers import local_file
from fmnbench.errors import DataError

START, END, UNKNOWN = "<s>", "</s>", "_UNK"
SPECIALS = (START, END, UNKNOWN)  # ids 0, 1 and 2
START_ID, END_ID, UNKNOWN_ID = range(3)
OTHER_SPECIALS = ("<unk>", "<pad>")  # in published word lists; left out of ours
FORM = "a word list, one word a line"
LARGEST_LIST = 16 << 20  # bytes: a million words; the published lists have 20,000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ragged:
    """Documents of different lengths: the ids of document i are tokens[offsets[i]:offsets[i+1]].

    Each begins with <s> and ends with </s>.
    """

    tokens: Int32[np.ndarray, " total"]
    offsets: Int64[np.ndarray, " bounds"]  # one more than there are documents; the first is 0

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> Int32[np.ndarray, " t"]:
        """The ids of one document."""
        place = range(len(self))[row]
        return self.tokens[self.offsets[place] : self.offsets[place + 1]]

    @property
    def lengths(self) -> Int64[np.ndarray, " n"]:
        """Ids of each document, <s> and </s> among them."""
        return np.diff(self.offsets)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextStatistics:
    """The size of encoded documents, in words: <s> and </s> are none, unknown words are.

    `predicted` is the mean number of tokens that a model is asked for: </s> counts, <s> does
    not; a perplexity is the exponential of the mean nll over it.
    """

    documents: int
    words: float  # mean of a document
    predicted: float  # mean of a document
    shortest: int
    longest: int
    unknown: int  # words in all documents

    @property
    def unknown_share(self) -> float:
        """The share of words that are not in the vocabulary, from 0 to 1."""
        return self.unknown / max(1, round(self.words * self.documents))


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """Words by id. The first three are <s>, </s> and _UNK; there is no padding word.

    A padded place may hold any id, since lengths say what counts: a word for it would take
    probability that no document ever gives back.
    """

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.words[: len(SPECIALS)] != SPECIALS:
            raise DataError(f"A vocabulary begins with {SPECIALS}, not {self.words[:3]}.")
        for word, count in collections.Counter(self.words).items():
            if count > 1:
                raise DataError(f"The vocabulary has the word '{word}' {count} times.")
            if word.split() != [word]:
                raise DataError(f"The vocabulary has {word!r}, which is not one word.")

    @classmethod
    def of(cls, documents: Sequence[str], size: int | None = None) -> "Vocabulary":
        """Returns the words of documents by falling frequency, then by code points.

        At most `size` words are kept, the three special ones among them.
        """
        if size is not None and size <= len(SPECIALS):
            raise DataError(f"A vocabulary of {size} words; expected more than {len(SPECIALS)}.")
        counts = _words(documents).flatten().value_counts()
        words, frequencies = counts.field("values"), counts.field("counts")
        plain = pc.invert(pc.is_in(words, pa.array(["", *SPECIALS, *OTHER_SPECIALS])))
        table = pa.table({"word": words, "count": frequencies}).filter(plain)
        ordered = table.sort_by([("count", "descending"), ("word", "ascending")])["word"]
        kept = ordered if size is None else ordered[: size - len(SPECIALS)]
        return cls((*SPECIALS, *kept.to_pylist()))

    @classmethod
    def from_file(cls, path: Path) -> "Vocabulary":
        """Returns the words of a list, one a line, in its order, after our special words.

        Special words in the list, as in that of He et al. (2019), keep no place of their own.
        Raises DataError where it is no UTF-8 text, or a line holds no word, two, or one again.
        """
        content = local_file.read(path, FORM, LARGEST_LIST)
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise DataError(f"{path} is not UTF-8 ({error.reason}); expected {FORM}.") from error
        seen: dict[str, int] = {}
        for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
            word = line.strip()
            if word.split() != [word]:
                raise DataError(f"{path}, line {number}: '{word[:40]}' is not one word.")
            if word in seen:
                raise DataError(f"{path}, line {number}: '{word}' is on line {seen[word]} too.")
            seen[word] = number
        specials = {*SPECIALS, *OTHER_SPECIALS}
        return cls((*SPECIALS, *(word for word in seen if word not in specials)))

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, documents: Sequence[str]) -> Ragged:
        """Returns the ids of documents with <s> before and </s> after each.

        A word that is not in the vocabulary becomes _UNK; so do <s> and </s> within a text.
        """
        lists = _words(documents)
        words, bounds = lists.flatten(), lists.offsets.to_numpy().astype(np.int64)
        plain = pa.array(self.words[UNKNOWN_ID:], pa.large_string())
        found = pc.fill_null(pc.index_in(words, value_set=plain), 0)
        ids = found.to_numpy(zero_copy_only=False).astype(np.int32) + np.int32(UNKNOWN_ID)
        is_word = pc.not_equal(words, "").to_numpy(zero_copy_only=False)
        if not is_word.all():  # white space at the ends of a text gives empty words
            bounds = np.concatenate([[0], np.cumsum(is_word)])[bounds]
            ids = ids[is_word]
        return _enclosed(ids, bounds)

    def decode(self, encoded: Ragged) -> list[str]:
        """Returns the texts of documents, without <s> and </s>; unknown words read _UNK."""
        if not len(encoded.tokens):
            return []
        if not 0 <= encoded.tokens.min() <= encoded.tokens.max() < len(self):
            raise DataError(f"Ids go up to {encoded.tokens.max()}; there are {len(self)} words.")
        is_word = encoded.tokens > END_ID
        bounds = np.concatenate([[0], np.cumsum(is_word)])[encoded.offsets]
        words = pa.array(self.words, pa.large_string()).take(pa.array(encoded.tokens[is_word]))
        lists = pa.ListArray.from_arrays(pa.array(bounds, pa.int32()), words)
        texts: list[str] = pc.binary_join(lists, pa.scalar(" ", words.type)).to_pylist()
        return texts


def text_statistics(encoded: Ragged) -> TextStatistics:
    """Returns the size of encoded documents, at least one."""
    words = encoded.lengths - 2
    return TextStatistics(
        documents=len(encoded),
        words=float(words.mean()),
        predicted=float((words + 1).mean()),
        shortest=int(words.min()),
        longest=int(words.max()),
        unknown=int(np.count_nonzero(encoded.tokens == UNKNOWN_ID)),
    )


def _words(documents: Sequence[str]) -> pa.ListArray:
    """Returns the words of each document.

    Split by Python: pyarrow 26's utf8_split_whitespace now and then takes a wide space for a word.
    """
    return pa.array([document.split() for document in documents], pa.list_(pa.large_string()))


def _enclosed(ids: Int32[np.ndarray, " words"], bounds: Int64[np.ndarray, " bounds"]) -> Ragged:
    """Returns documents of bare word ids with <s> and </s> around each."""
    offsets = bounds + 2 * np.arange(len(bounds))
    tokens = np.empty(offsets[-1], dtype=np.int32)
    is_word = np.ones(len(tokens), dtype=np.bool_)
    for places, mark in ((offsets[:-1], START_ID), (offsets[1:] - 1, END_ID)):
        tokens[places] = mark
        is_word[places] = False
    tokens[is_word] = ids
    return Ragged(tokens=tokens, offsets=offsets)
