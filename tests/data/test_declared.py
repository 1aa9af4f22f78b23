"""What is declared of a dataset is what its files must have."""

import pytest

from fmnbench.data.acquire import import_files
from fmnbench.data.cache import manifest
from fmnbench.data.identity import declared

ROWS = {"train": 42_068, "validation": 3_370, "test": 3_761}  # of the Penn Treebank
TEST_WORDS = 78_669  # in its 3,761 test sentences


def sentences(rows, words):
    """Returns lines with this number of words in all."""
    longer = words - rows * (words // rows)
    return ["w " * (words // rows) + "w" * (row < longer) for row in range(rows)]


@pytest.fixture
def treebank():
    parts = {split: sentences(rows, rows * 2) for split, rows in ROWS.items()}
    parts["test"] = sentences(ROWS["test"], TEST_WORDS)
    return parts


def test_a_treebank_of_the_declared_numbers_is_accepted(cache, treebank, texts, laid):
    assert declared("ptb").sha256 is None
    found = import_files("ptb", laid(texts(**treebank)))
    assert found.statistics["rows"] == ROWS
    assert found.statistics["words"]["test"] == TEST_WORDS / ROWS["test"]


@pytest.mark.parametrize(
    ("split", "change", "fault"),
    [
        (
            "validation",
            lambda part: part[1:],
            "rows is train 42,068, validation 3,369, test 3,761, "
            "expected train 42,068, validation 3,370, test 3,761.",
        ),
        (
            "test",
            lambda part: [*part[1:], f"{part[0]} w"],
            f"test {(TEST_WORDS + 1) / 3_761}, expected test {TEST_WORDS / 3_761}.",
        ),
        (
            "train",
            lambda part: ["", *part[1:]],
            "rows is train 42,067, validation 3,370, test 3,761, "
            "expected train 42,068, validation 3,370, test 3,761.",
        ),
    ],
)
def test_one_line_or_one_word_too_few_or_many_is_refused_with_both_numbers(
    split, change, fault, cache, treebank, texts, laid, refused
):
    treebank[split] = change(treebank[split])
    line = refused(import_files, "ptb", laid(texts(**treebank)))
    start = "train.txt, valid.txt and test.txt: not the dataset 'ptb' as it is known: "
    assert line.startswith(start)
    assert line.endswith(fault)
    assert manifest("ptb") is None


def test_a_form_that_is_not_the_declared_one_may_have_other_numbers(cache, drawings, packed):
    assert declared("omniglot").form == "lake-28"
    found = import_files("omniglot", [packed(drawings(), "given.zip")])
    assert found.statistics["rows"] != declared("omniglot").rows


def test_texts_of_which_nothing_is_declared_may_have_any_numbers(cache, texts, laid):
    assert declared("snli") is None
    assert import_files("snli", laid(texts())).statistics["rows"]["train"] == 5


@pytest.mark.parametrize("name", ["omniglot", "yahoo-10k"])
def test_real_data_have_the_declared_fingerprint(name, real_cache, monkeypatch):
    monkeypatch.setenv("FMNBENCH_CACHE", str(real_cache(name)))
    assert manifest(name).sha256 == declared(name).sha256
