"""A small Yahoo: the official texts, split without loss, and no others."""

import pytest

from fmnbench.data.sources.remote import md5_of
from fmnbench.data.sources.shared import YAHOO_MIRROR
from fmnbench.datasets.yahoo_10k import documents
from fmnbench.errors import DataError

SPLITS = ("train", "validation", "test")


def test_texts_that_are_not_yahoos_are_refused_with_both_hashes(tmp_path):
    validation, test = tmp_path / "a.txt", tmp_path / "b.txt"
    for path in (validation, test):
        path.write_text("another text\n")
    with pytest.raises(DataError, match=r"SHA-256 is [0-9a-f]{64}, expected 3247ac3f") as caught:
        documents(validation, test)
    assert "a.txt is not the validation text of Yahoo" in str(caught.value)


def test_yahoo_texts_given_in_the_wrong_order_are_refused(real):
    with pytest.raises(DataError, match=r"test\.txt is not the validation text"):
        documents(real("yahoo/test.txt"), real("yahoo/val.txt"))


def test_the_real_yahoo_texts_are_split_9000_1000_10000_without_loss(real):
    validation, test = real("yahoo/val.txt"), real("yahoo/test.txt")
    found = documents(validation, test)
    assert [len(getattr(found, name)) for name in SPLITS] == [9_000, 1_000, 10_000]
    assert (found.empty, found.over_long) == (0, 0)
    lines = validation.read_text("utf-8").split("\n")[:-1]
    assert sorted(found.train + found.validation) == sorted(lines)
    assert found.test == test.read_text("utf-8").split("\n")[:-1]
    # documents that validate are spread over the file: the mean of 1,000 of 10,000 places is
    # 5,000 up to four standard errors of a uniform draw without replacement
    places = [lines.index(document) for document in found.validation]
    error = 10_000 / 12**0.5 * (0.9 / 1_000) ** 0.5
    assert sum(places) / 1_000 == pytest.approx(5_000, abs=4 * error)


@pytest.mark.parametrize(
    ("name", "member"), [("val.txt", "yahoo.valid.txt"), ("test.txt", "yahoo.test.txt")]
)
def test_the_mirrors_texts_are_pinned_as_the_official_ones(name, member, real):
    assert md5_of(real(f"yahoo/{name}")) == YAHOO_MIRROR.members[member]
