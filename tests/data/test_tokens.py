"""Texts as ids of words: padded and back, encoded once and then kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from fmnbench.data.acquire import import_files
from fmnbench.data.cache import SPLITS, cached_data
from fmnbench.data.tokens import derived_folder, encoded, lengths, padded, unpadded
from fmnbench.data.vocabulary import Ragged, Vocabulary
from fmnbench.registry import datasets

IDS = st.integers(2, 20)  # of words: neither <s> nor </s>
TEXTS = st.lists(st.lists(IDS, max_size=6), min_size=1, max_size=8)


def ragged(texts):
    rows = [[0, *text, 1] for text in texts]
    tokens = np.array([token for row in rows for token in row], dtype=np.int32)
    return Ragged(tokens=tokens, offsets=np.cumsum([0, *map(len, rows)], dtype=np.int64))


@pytest.fixture
def data(cache, texts, laid):
    import_files("snli", laid(texts()))
    return cached_data("snli")


def same(one, other):
    return np.array_equal(one.tokens, other.tokens) and np.array_equal(one.offsets, other.offsets)


@given(TEXTS, st.integers(0, 3))
def test_padded_texts_come_back(texts, room):
    width = max(map(len, texts)) + 2 + room
    rows = padded(ragged(texts), width)
    assert rows.shape == (len(texts), width)
    assert [row[: len(text) + 2].tolist() for row, text in zip(rows, texts, strict=True)] == [
        [0, *text, 1] for text in texts
    ]
    assert all((row[len(text) + 1 :] == 1).all() for row, text in zip(rows, texts, strict=True))
    assert lengths(rows).tolist() == [len(text) + 2 for text in texts]
    assert same(unpadded(rows), ragged(texts))


@given(TEXTS)
def test_a_text_longer_than_a_row_is_refused(texts):
    longest = max(map(len, texts)) + 2
    with pytest.raises(ValueError, match=f"a text has {longest} ids; a row has room for "):
        padded(ragged(texts), longest - 1)


def test_no_texts_are_no_rows():
    none = Ragged(tokens=np.empty(0, np.int32), offsets=np.zeros(1, np.int64))
    assert padded(none, 4).shape == (0, 4)


def test_texts_are_encoded_with_the_words_of_the_training_texts(data, lines):
    vocabulary, texts = encoded(data, None)
    assert vocabulary == Vocabulary.of(lines["train"])
    assert vocabulary.decode(texts["train"]) == lines["train"]
    assert vocabulary.decode(texts["test"]) == ["the cat ran", "no cat sat off", "a _UNK"]


@pytest.mark.parametrize("size", [4, 6, 100])
def test_a_vocabulary_has_at_most_its_size_and_each_size_is_kept_for_itself(data, size, lines):
    vocabulary, texts = encoded(data, size)
    everything, _ = encoded(data, None)
    assert vocabulary.words == everything.words[:size]
    assert len(vocabulary) == min(size, len(everything))
    assert max(part.tokens.max() for part in texts.values()) < size
    assert derived_folder(data, size) != derived_folder(data, None)
    again, kept = encoded(data, size)
    assert again == vocabulary
    assert all(same(kept[split], texts[split]) for split in SPLITS)


def test_the_second_time_what_was_kept_is_read_and_not_the_texts(data):
    vocabulary, texts = encoded(data, 6)
    for path in data.folder.rglob("*.arrow"):
        path.write_bytes(b"not to be read")
    again, kept = encoded(data, 6)
    assert again == vocabulary
    assert all(same(kept[split], texts[split]) for split in SPLITS)


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-30], lambda _: b"", lambda _: b"x" * 99]
)
def test_kept_ids_that_are_damaged_are_one_line(data, damage, refused):
    encoded(data, 6)
    path = derived_folder(data, 6) / "tokens.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    line = refused(encoded, data, 6)
    assert line.startswith(f"{path} is damaged (")
    assert line.endswith("); delete it.")
    path.unlink()
    encoded(data, 6)


def test_kept_ids_with_a_part_missing_are_one_line(data, refused):
    encoded(data, 6)
    path = derived_folder(data, 6) / "tokens.safetensors"
    arrays = load_file(path)
    del arrays["test.offsets"]
    save_file(arrays, path)
    assert refused(encoded, data, 6).startswith(f"{path} is damaged (")


def test_rows_are_as_wide_as_the_longest_text_of_all_splits(cache, texts, laid):
    import_files("snli", laid(texts(test=["a " * 30])))
    splits = datasets.get("snli")().load()
    assert splits.width == 32
    assert splits.train.shape == (5, 32)
    assert splits.train[0].tolist()[:6] == [0, *splits.train[0].tolist()[1:4], 1, 1]
