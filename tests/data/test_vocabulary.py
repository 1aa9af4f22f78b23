"""Vocabularies, ids and text statistics."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmnbench.data.vocabulary import SPECIALS, Ragged, Vocabulary, text_statistics
from fmnbench.errors import DataError

WORDS = ("a", "the", "naïve", "日本", "😀", "don't", "<", "_unk", "</S>")
VOCABULARY = Vocabulary((*SPECIALS, *WORDS))
PLAIN = st.text(st.characters(exclude_categories=("Z", "C")), min_size=1, max_size=4)


def lines(path):
    return path.read_text("utf-8").split("\n")[:-1]


def test_words_come_by_falling_frequency_then_by_code_point_behind_the_special_ones():
    documents = ["b b c é", "z a a _UNK _UNK _UNK", "c 日"]
    words = ("<s>", "</s>", "_UNK", "a", "b", "c", "z", "é", "日")
    assert Vocabulary.of(documents).words == words
    assert Vocabulary.of(documents[::-1]).words == words


def test_a_size_counts_the_special_words():
    documents = ["b b c", "a a a"]
    assert Vocabulary.of(documents, 5).words == (*SPECIALS, "a", "b")
    assert Vocabulary.of(documents, 100).words == (*SPECIALS, "a", "b", "c")
    with pytest.raises(DataError, match="expected more than 3"):
        Vocabulary.of(documents, 3)


def test_marks_within_a_text_are_no_words():
    vocabulary = Vocabulary.of(["a <s> </s> <unk> <pad> _UNK"])
    assert vocabulary.words == (*SPECIALS, "a")
    assert vocabulary.encode(["a <s> </s> <unk>"]).tokens.tolist() == [0, 3, 2, 2, 2, 1]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(PLAIN, max_size=6), max_size=6), st.integers(4, 12))
def test_a_vocabulary_of_any_documents_is_that_of_a_plain_count(documents, size):
    counts = Counter(word for document in documents for word in document)
    for mark in (*SPECIALS, "<unk>", "<pad>"):
        counts.pop(mark, None)
    expected = sorted(counts, key=lambda word: (-counts[word], word))
    texts = [" ".join(document) for document in documents]
    assert Vocabulary.of(texts, size).words == (*SPECIALS, *expected)[:size]


def test_ids_are_the_words_of_each_document_between_its_marks():
    encoded = VOCABULARY.encode(["the a", "", "other the"])
    assert encoded.tokens.tolist() == [0, 4, 3, 1, 0, 1, 0, 2, 4, 1]
    assert encoded.offsets.tolist() == [0, 4, 6, 10]
    assert encoded.lengths.tolist() == [4, 2, 4]
    assert encoded[-1].tolist() == [0, 2, 4, 1]
    assert (encoded.tokens.dtype, encoded.offsets.dtype) == (np.int32, np.int64)
    with pytest.raises(IndexError):
        encoded[3]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.sampled_from([*WORDS, "_UNK"]), max_size=8).map(" ".join)))
def test_known_words_come_back_from_their_ids(documents):
    encoded = VOCABULARY.encode(documents)
    assert VOCABULARY.decode(encoded) == documents
    assert len(encoded) == len(documents)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(st.sampled_from("aé \t\n\u3000\x85日"), max_size=12)))
def test_any_white_space_parts_words_as_python_does(documents):
    decoded = Vocabulary.of(documents).decode(Vocabulary.of(documents).encode(documents))
    assert decoded == [" ".join(document.split()) for document in documents]


def test_no_documents_have_no_ids():
    encoded = VOCABULARY.encode([])
    assert (len(encoded), encoded.offsets.tolist()) == (0, [0])
    assert VOCABULARY.decode(encoded) == []


def test_ids_beyond_the_vocabulary_are_refused():
    wrong = Ragged(tokens=np.array([0, 99, 1], np.int32), offsets=np.array([0, 3]))
    with pytest.raises(DataError, match="Ids go up to 99; there are 12 words"):
        VOCABULARY.decode(wrong)


def test_a_word_list_keeps_its_order_behind_our_special_words(tmp_path):
    (tmp_path / "vocab.txt").write_text("<pad>\n<s>\n</s>\n<unk>\nzebra\na\n_UNK\nb\r\n")
    assert Vocabulary.from_file(tmp_path / "vocab.txt").words == (*SPECIALS, "zebra", "a", "b")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\nb\na\n", r"vocab\.txt, line 3: 'a' is on line 1 too"),
        (b"a\nb 12\n", r"vocab\.txt, line 2: 'b 12' is not one word"),
        (b"a\n\nb\n", r"vocab\.txt, line 2: '' is not one word"),
        (b"a\n\xff\n", r"vocab\.txt is not UTF-8"),
        (b"<html><title>404</title>", r"vocab\.txt is an HTML page titled '404'"),
    ],
)
def test_a_broken_word_list_is_refused_in_one_line(tmp_path, content, message):
    (tmp_path / "vocab.txt").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        Vocabulary.from_file(tmp_path / "vocab.txt")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("a", "b", "c"), "begins with"),
        ((*SPECIALS, "a", "a"), "'a' 2 times"),
        ((*SPECIALS, "a b"), "'a b', which is not one word"),
        ((*SPECIALS, ""), "'', which is not one word"),
    ],
)
def test_words_that_are_no_vocabulary_are_refused(words, message):
    with pytest.raises(DataError, match=message):
        Vocabulary(words)


def test_statistics_count_words_and_the_end_but_not_the_start():
    found = text_statistics(VOCABULARY.encode(["a the other", "a", "a a b b"]))
    assert (found.documents, found.words, found.predicted) == (3, 8 / 3, 11 / 3)
    assert (found.shortest, found.longest, found.unknown) == (1, 4, 3)


def test_the_real_yahoo_test_text_has_the_published_numbers_of_words(real):
    documents = lines(real("yahoo/test.txt"))
    vocabulary = Vocabulary.of(lines(real("yahoo/val.txt")))
    found = text_statistics(vocabulary.encode(documents))
    # 788,673 words and 10,000 ends: the count behind the published perplexities
    assert (found.documents, found.words, found.predicted) == (10_000, 78.8673, 79.8673)
    assert (found.shortest, found.longest) == (20, 200)
    known = set(vocabulary.words[3:])
    assert found.unknown == sum(
        word not in known for document in documents for word in document.split()
    )


def test_the_real_yahoo_texts_come_back_from_their_ids(real):
    documents = lines(real("yahoo/val.txt")) + lines(real("yahoo/test.txt"))
    vocabulary = Vocabulary.of(documents)
    assert vocabulary.decode(vocabulary.encode(documents)) == documents
