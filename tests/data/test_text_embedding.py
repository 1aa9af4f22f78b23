"""The space of texts: scikit-learn's own on the decoded texts, up to a rotation."""

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from fmnbench.data.acquire import import_files
from fmnbench.data.tokens import unpadded
from fmnbench.data.vocabulary import SPECIALS, Vocabulary
from fmnbench.datasets.base import Splits, text_splits
from fmnbench.metrics.embedding import embedding
from fmnbench.registry import datasets
from fmnbench.rng import stream

WORDS = 120  # with falling frequencies


@pytest.fixture
def splits():
    """Returns texts of 0 to 12 words; some words of the test texts are unknown."""
    random = np.random.default_rng(0)
    chances = 1 / np.arange(1, WORDS + 1)
    documents = {
        split: [
            " ".join(f"W{word}" for word in random.choice(WORDS, size, p=chances / chances.sum()))
            for size in random.integers(0, 13, rows)
        ]
        for split, rows in {"train": 300, "validation": 10, "test": 40}.items()
    }
    documents["test"][:2] = ["", "W0 W0 w0 never seen"]
    vocabulary = Vocabulary.of(documents["train"])
    encoded = {split: vocabulary.encode(texts) for split, texts in documents.items()}
    return text_splits(vocabulary, encoded)


def decoded(splits, rows):
    return splits.vocabulary.decode(unpadded(rows.numpy()))


def test_texts_are_embedded_as_by_scikit_learn_up_to_a_rotation(splits):
    train, test = decoded(splits, splits.train), decoded(splits, splits.test)
    vectorizer = TfidfVectorizer(
        token_pattern=None,
        tokenizer=str.split,
        lowercase=False,
        vocabulary=splits.vocabulary.words,
    )
    svd = TruncatedSVD(64, algorithm="arpack", random_state=0)
    svd.fit(vectorizer.fit_transform(train))
    truth = svd.transform(vectorizer.transform(test))
    found = embedding(splits)(splits.test)
    assert found.dtype == torch.float64
    assert found.shape == (40, 64)
    # rotations and signs leave products of rows as they are; ARPACK's vectors are right to 1e-10
    np.testing.assert_allclose(found @ found.T, truth @ truth.T, atol=1e-9)
    assert np.abs(truth @ truth.T).max() > 0.5  # so that the line before could fail


def test_the_marks_and_the_padding_count_for_nothing(splits):
    project = embedding(splits)
    wider = torch.ones(len(splits.test), 30, dtype=torch.int32)
    wider[:, : splits.width] = splits.test
    assert torch.allclose(project(wider), project(splits.test), atol=1e-12)
    padded_more = dataclasses.replace(
        splits,
        **{
            name: torch.nn.functional.pad(getattr(splits, name), (0, 5), value=1)
            for name in ("train", "validation", "test")
        },
    )
    other = embedding(padded_more)(padded_more.test)
    # the same weights, so the same singular vectors; to the rounding of sums in ARPACK
    assert torch.allclose(
        other @ other.T, project(splits.test) @ project(splits.test).T, atol=1e-9
    )


def test_a_text_without_words_is_in_the_middle(splits):
    found = embedding(splits)(splits.test)
    assert torch.equal(found[0], torch.zeros(64, dtype=torch.float64))
    assert (found[2:].norm(dim=1) > 0).sum() > 30


def test_how_often_a_word_comes_counts_and_the_order_does_not(splits):
    project = embedding(splits)
    rows = torch.tensor([[0, 3, 4, 3, 1], [0, 3, 3, 4, 1], [0, 3, 4, 4, 1]], dtype=torch.int32)
    one, turned, other = project(rows)
    assert torch.allclose(one, turned, atol=1e-12)
    assert (one - other).norm() > 0.01


def test_there_are_fewer_components_than_texts_and_words(splits):
    few = dataclasses.replace(splits, train=splits.train[:9])
    assert embedding(few)(few.test).shape == (40, 8)
    small = Vocabulary((*SPECIALS, "a", "b"))
    texts = {
        split: small.encode(["a b", "b", "a a b", "b b a", "a", "_UNK a"])
        for split in ("train", "validation", "test")
    }
    made = text_splits(small, texts)
    assert embedding(made)(made.test).shape == (6, 4)


@pytest.fixture(params=["texts", "images"])
def loaded(request, cache, texts, laid, tmp_path):
    """Returns the splits of texts in the cache, or of small images with a folder of theirs."""
    if request.param == "texts":
        import_files("snli", laid(texts()))
        return datasets.get("snli")().load()
    parts = torch.rand(3, 30, 36, generator=stream(0, "test/images")).unbind()
    return Splits(
        **dict(zip(("train", "validation", "test"), parts, strict=True)),
        kind="images",
        image_shape=(6, 6),
        derived=tmp_path / "derived",
    )


def test_what_was_fitted_is_kept_and_gives_the_same_the_second_time(loaded):
    first = embedding(loaded)(loaded.test)
    kept = loaded.derived / "embedding.safetensors"
    content = kept.read_bytes()
    blank = dataclasses.replace(loaded, train=torch.full_like(loaded.train[:3], 1))
    assert torch.equal(embedding(blank)(loaded.test), first)  # training rows are not looked at
    assert kept.read_bytes() == content
    fresh = embedding(dataclasses.replace(loaded, derived=None))(loaded.test)
    assert torch.equal(fresh, first)


def test_a_fit_that_is_damaged_is_one_line_and_can_be_deleted(loaded, refused):
    first = embedding(loaded)(loaded.test)
    kept = loaded.derived / "embedding.safetensors"
    for content in (kept.read_bytes()[:-50], b"", b"x" * 99):
        kept.write_bytes(content)
        line = refused(embedding, loaded)
        assert line.startswith(f"{kept} is damaged (")
        assert line.endswith("); delete it.")
    kept.unlink()
    assert torch.equal(embedding(loaded)(loaded.test), first)
