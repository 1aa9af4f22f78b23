"""Cached texts as ids of words: encoded once for each size of the vocabulary, then stored."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Int32, Int64

from fmnbench.data.cache import SPLITS, CachedData
from fmnbench.data.vocabulary import END_ID, Ragged, Vocabulary, text_statistics
from fmnbench.errors import DataError
from fmnbench.files import write_atomically

WORD_LIST = "vocab.txt"  # beside the data where a word list came with them
FILE = "tokens.safetensors"
MOST_UNKNOWN = 0.95  # of a split's words; a perplexity over more would be that of _UNK alone


def derived_folder(data: CachedData, size: int | None) -> Path:
    """Returns the folder for what is computed with a vocabulary of at most `size` words."""
    return data.folder / f"vocabulary-{size or 'all'}"


def encoded(data: CachedData, size: int | None) -> tuple[Vocabulary, dict[str, Ragged]]:
    """Returns the vocabulary of texts and the ids of their three splits.

    Words are those of the training texts, or of the list that came with the data: at most `size`
    of them, the special ones included. What was encoded before is read from the cache.
    """
    path = derived_folder(data, size) / FILE
    if not path.is_file():
        vocabulary, splits = _encode(data, size)
        _save(path, vocabulary, splits)
        return vocabulary, splits
    return _load(path)


def padded(texts: Ragged, width: int) -> Int32[np.ndarray, "n {width}"]:
    """Returns ids as rows of one width, the rest of each filled with </s>.

    Raises:
        ValueError: a text is longer.
    """
    if len(texts) and texts.lengths.max() > width:
        raise ValueError(f"a text has {texts.lengths.max()} ids; a row has room for {width}")
    rows = np.full((len(texts), width), END_ID, dtype=np.int32)
    rows[np.arange(width) < texts.lengths[:, None]] = texts.tokens
    return rows


def lengths(rows: Int32[np.ndarray, "n t"]) -> Int64[np.ndarray, " n"]:
    """Returns the ids of each padded row up to its first </s>, <s> and </s> among them."""
    return np.asarray((rows == END_ID).argmax(1) + 1, dtype=np.int64)


def unpadded(rows: Int32[np.ndarray, "n t"]) -> Ragged:
    """Returns texts from padded rows: what `padded` was given."""
    counts = lengths(rows)
    inside = np.arange(rows.shape[1]) < counts[:, None]
    return Ragged(tokens=rows[inside], offsets=np.concatenate([[0], np.cumsum(counts)]))


def unknown_share(rows: Int32[np.ndarray, "n t"]) -> float:
    """Returns the share of words that are not in the vocabulary, from 0 to 1.

    Rows are padded texts; <s> and </s> are no words. A literal _UNK in a text counts.
    """
    return text_statistics(unpadded(rows)).unknown_share


def require_known_words(texts: Mapping[str, Ragged], words: int, name: str) -> None:
    """Raises DataError where nearly all words of a split are not in the vocabulary of `words`."""
    for split, part in texts.items():
        share = text_statistics(part).unknown_share if len(part) else 0.0
        if share >= MOST_UNKNOWN:
            raise DataError(
                f"{share:.1%} of the words in the {split} texts of '{name}' are not in its "
                f"vocabulary of {words:,} words; less than {MOST_UNKNOWN:.0%} may be unknown."
            )


def _encode(data: CachedData, size: int | None) -> tuple[Vocabulary, dict[str, Ragged]]:
    documents = {split: data.column(split, "text").to_pylist() for split in SPLITS}
    words = data.folder / WORD_LIST
    if words.is_file():
        given = Vocabulary.from_file(words)
        vocabulary = Vocabulary(given.words[:size])
    else:
        vocabulary = Vocabulary.of(documents["train"], size)
    return vocabulary, {split: vocabulary.encode(texts) for split, texts in documents.items()}


def _save(path: Path, vocabulary: Vocabulary, splits: dict[str, Ragged]) -> None:
    from safetensors.numpy import save

    words = np.frombuffer("\n".join(vocabulary.words).encode(), dtype=np.uint8)
    arrays = {"words": words}
    for split, texts in splits.items():
        arrays |= {f"{split}.tokens": texts.tokens, f"{split}.offsets": texts.offsets}
    try:
        write_atomically(path, save(arrays))
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}") from error


def _load(path: Path) -> tuple[Vocabulary, dict[str, Ragged]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(path)
        words = arrays["words"].tobytes().decode().split("\n")
        splits = {
            split: Ragged(tokens=arrays[f"{split}.tokens"], offsets=arrays[f"{split}.offsets"])
            for split in SPLITS
        }
    except (OSError, SafetensorError, KeyError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is damaged ({error}); delete it.") from error
    return Vocabulary(tuple(words)), splits
