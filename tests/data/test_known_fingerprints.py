"""The fingerprint of installed data: known without loading, another for other data."""

import dataclasses
import hashlib

import numpy as np
import pytest

from fmnbench.data.acquire import import_files
from fmnbench.data.cache import cached_data, dataset_folder, manifest
from fmnbench.data.identity import (
    NOT_INSTALLED,
    declared,
    difference,
    fingerprint,
    measured,
    missing,
    sha256,
)
from fmnbench.errors import DataError, UsageError
from fmnbench.registry import datasets

ALL = {"vocabulary": None}
FIVE = {"vocabulary": 5}
SPLITS = ("train", "validation", "test")


@pytest.fixture
def snli(cache, texts, laid):
    """Returns a function that imports texts as SNLI."""

    def run(**splits):
        return import_files("snli", laid(texts(**splits)), replace=True)

    return run


def by_hand(name, settings):
    """Returns the hash of ids as int32 in the order of splits, then the words, one a line."""
    splits = datasets.get(name)(**settings).load()
    rows = b"".join(np.asarray(getattr(splits, split)).tobytes() for split in SPLITS)
    return hashlib.sha256(rows + "\n".join(splits.vocabulary.words).encode()).hexdigest()


def test_the_words_that_ids_stand_for_are_part_of_the_fingerprint(snli):
    one = snli(train=["cat cat dog"], validation=["cat"], test=["dog"])
    assert one.sha256 == by_hand("snli", ALL)
    first = datasets.get("snli")().load()
    other = snli(train=["cow cow dog"], validation=["cow"], test=["dog"])
    second = datasets.get("snli")().load()
    assert first.train.tolist() == second.train.tolist() == [[0, 3, 3, 4, 1]]
    assert other.sha256 == by_hand("snli", ALL) != one.sha256


def test_at_default_settings_it_is_the_recorded_one_and_nothing_is_loaded(snli):
    known = snli()
    for path in cached_data("snli").folder.rglob("*"):
        if path.is_file():
            path.write_bytes(b"not to be read")
    assert fingerprint("snli", ALL) == known.sha256
    assert missing("snli", ALL) == ""


def test_settings_that_came_later_have_their_defaults(snli):
    known = snli()
    assert "test_rows" in known.settings
    assert fingerprint("snli", {"vocabulary": None, "test_rows": None}) == known.sha256
    assert fingerprint("snli", {}) == known.sha256
    assert fingerprint("snli", {"test_rows": 1}) == by_hand("snli", {"test_rows": 1})
    assert fingerprint("snli", {"test_rows": 1}) != known.sha256


def test_at_other_settings_it_is_measured_and_changes_with_the_data(snli):
    snli()
    first = fingerprint("snli", FIVE)
    assert first == by_hand("snli", FIVE) != fingerprint("snli", ALL)
    snli(train=["the horse sat"])
    second = fingerprint("snli", FIVE)
    assert second == by_hand("snli", FIVE) != first
    assert fingerprint("snli", {"vocabulary": 6}) not in (first, second)


def test_missing_data_have_the_declared_fingerprint_or_none_that_is_known(cache):
    assert fingerprint("omniglot", {}) == declared("omniglot").sha256
    assert fingerprint("yahoo-10k", ALL) == declared("yahoo-10k").sha256
    assert fingerprint("yahoo-10k", FIVE) == NOT_INSTALLED
    assert fingerprint("ptb", ALL) == NOT_INSTALLED  # of which only numbers are declared
    assert fingerprint("snli", ALL) == NOT_INSTALLED
    assert fingerprint("text", {"name": "own", "vocabulary": 20_000}) == NOT_INSTALLED


def test_other_data_than_the_declared_ones_have_their_own(cache, drawings, packed):
    known = import_files("omniglot", [packed(drawings(), "images.zip")])
    assert fingerprint("omniglot", {}) == known.sha256 != declared("omniglot").sha256


def test_own_texts_are_told_apart_by_their_names(cache, texts, laid):
    settings = {"vocabulary": 20_000}
    one = import_files("text/one", laid(texts()))
    two = import_files("text/two", laid(texts(test=["a dog"])))
    assert fingerprint("text", {"name": "one", **settings}) == one.sha256
    assert fingerprint("text", {"name": "two", **settings}) == two.sha256 != one.sha256
    reason = missing("text", {"name": "three", **settings})
    expected = (
        "Dataset 'text/three' is not installed; import it: "
        "fmnbench data import text/three train.txt valid.txt test.txt"
    )
    assert reason == expected


@pytest.mark.parametrize("name", ["", "../omniglot", "a/b", "."])
def test_a_name_of_own_texts_never_leads_out_of_their_folder(name):
    with pytest.raises(UsageError, match=r"needs a name|cannot name a text"):
        fingerprint("text", {"name": name, "vocabulary": 20_000})


def test_what_is_missing_is_told_with_the_command_that_gets_it(cache):
    assert missing("digits", {"binary": True}) == ""
    line = (
        "Dataset 'yahoo' is not installed; get it: fmnbench data fetch yahoo, or import: "
        "fmnbench data import yahoo train.txt val.txt test.txt"
    )
    assert missing("yahoo", ALL) == line


def test_a_damaged_manifest_is_not_a_missing_one(snli):
    snli()
    (dataset_folder("snli") / "account.json").write_text("{")
    for ask in (fingerprint, missing):
        with pytest.raises(DataError, match=r"account\.json cannot be read"):
            ask("snli", ALL)


def test_statistics_of_texts_count_words_without_the_marks(snli):
    found = snli().statistics
    splits = datasets.get("snli")().load()
    assert found["words"] == {"train": 18 / 5, "validation": 5 / 2, "test": 9 / 3}
    assert (found["vocabulary"], found["width"]) == (len(splits.vocabulary), 8)
    assert (found["mean"], found["variance"]) == (None, None)
    assert found == vars(measured(splits))
    assert found["sha256"] == sha256(splits)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"rows": {"train": 5, "validation": 2, "test": 4}},
            "rows is train 5, validation 2, test",
        ),
        (
            {"words": {"test": 3.5}},
            "words is train 3.6, validation 2.5, test 3.0, expected test 3",
        ),
        ({"words": {"test": 3 * (1 + 1e-8)}}, "words is "),
        ({"words": {"test": 3 * (1 + 1e-11)}}, ""),
        ({"vocabulary": 1_000}, "vocabulary is 12, expected 1,000"),
        ({"width": 9}, "width is 8, expected 9"),
        ({"mean": 0.5}, "mean is None, expected 0.5"),
        ({}, ""),
    ],
)
def test_a_difference_names_the_first_number_that_is_not_as_expected(snli, change, text):
    snli()
    found = measured(datasets.get("snli")().load())
    expected = dataclasses.replace(found, mean=None, variance=None, sha256=None)
    line = difference(found, dataclasses.replace(expected, **change), exact=True)
    assert line.startswith(text)
    assert bool(line) == bool(text)


def test_only_where_it_must_be_exact_does_another_hash_alone_differ(snli):
    snli()
    found = measured(datasets.get("snli")().load())
    other = dataclasses.replace(found, sha256="ab" * 32)
    assert difference(found, other, exact=False) == ""
    assert difference(found, other, exact=True).startswith("sha256 is ")
    assert manifest("snli").sha256 == found.sha256
