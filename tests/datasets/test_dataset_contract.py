"""Every dataset keeps the contract of its kind, on real data or on some made here."""

import dataclasses
import itertools
import math

import pytest
import torch

from fmnbench.data.acquire import import_files
from fmnbench.data.vocabulary import SPECIALS, Vocabulary
from fmnbench.datasets import Dataset, Splits
from fmnbench.errors import DataMissing
from fmnbench.registry import datasets
from fmnbench.testing import check_dataset

ROWS = (100_000, 10_000, 10_000)  # of Yelp, as declared
SETTINGS = {"text": {"name": "tiny"}}
TEXTS = Splits(
    train=torch.tensor([[0, 3, 1, 1], [0, 4, 3, 1]], dtype=torch.int32),
    validation=torch.tensor([[0, 4, 1, 1]], dtype=torch.int32),
    test=torch.tensor([[0, 2, 4, 1]], dtype=torch.int32),
    kind="texts",
    vocabulary=Vocabulary((*SPECIALS, "a", "b")),
)


@pytest.fixture(scope="module")
def made_cache(tmp_path_factory):
    """Returns a cache with texts made here: two words each, no two texts alike."""
    folder = tmp_path_factory.mktemp("texts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FMNBENCH_CACHE", str(tmp_path_factory.mktemp("made_cache")))
        for name, rows in (("snli", (40, 9, 8)), ("text/tiny", (30, 5, 6)), ("yelp", ROWS)):
            total = sum(rows)
            numbers = (7919 * i % total for i in range(total))  # training texts have all words
            side = math.isqrt(total)
            paths = []
            for part, size in zip(("train", "valid", "test"), rows, strict=True):
                paths.append(folder / f"{part}.txt")
                lines = [f"w{i // side} v{i % side}" for i in itertools.islice(numbers, size)]
                paths[-1].write_text("\n".join(lines))
            import_files(name, paths)
        yield patch


@pytest.mark.parametrize("name", datasets.names())
def test_dataset_keeps_its_contract(name, made_cache, real_cache, monkeypatch):
    if name in ("omniglot", "yahoo-10k"):
        monkeypatch.setenv("FMNBENCH_CACHE", str(real_cache(name)))
    try:
        check_dataset(name, **SETTINGS.get(name, {}))
    except DataMissing as error:
        pytest.skip(str(error))


@pytest.fixture
def checked(registers):
    """Returns a function that checks splits, as the contract of a dataset that loads them."""

    def check(*loads, shared=0):
        remaining = list(loads)

        @datasets.register("checked")
        class Checked(Dataset):
            """A dataset of one test."""

            shared_rows = shared

            def load(self):
                return remaining.pop(0) if len(remaining) > 1 else remaining[0]

        check_dataset("checked")

    return check


def test_texts_that_keep_the_contract_pass(checked):
    checked(TEXTS)


def ids(*row):
    return torch.tensor([row], dtype=torch.int32)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"vocabulary": None}, "does not say what words its ids stand for"),
        ({"test": ids(0, 5, 4, 1)}, "ids that are not in its vocabulary"),
        ({"test": ids(0, -1, 4, 1)}, "ids that are not in its vocabulary"),
        ({"test": ids(2, 3, 4, 1)}, "texts that do not begin with <s>"),
        ({"test": ids(0, 2, 4, 4)}, "texts that do not end with </s>"),
        ({"test": ids(0, 2, 1, 4)}, "has words behind </s>"),
        ({"test": ids(0, 2, 4, 1).long()}, "ids of torch.int64"),
        ({"test": TEXTS.train[:1]}, "has 1 rows that are in two splits"),
        ({"validation": TEXTS.test}, "has 1 rows that are in two splits"),
    ],
)
def test_texts_that_break_the_contract_are_told_how(change, complaint, checked):
    with pytest.raises(AssertionError, match=f"checked .*{complaint}"):
        checked(dataclasses.replace(TEXTS, **change))


def test_rows_that_a_dataset_says_it_shares_pass_and_one_more_does_not(checked):
    shared = dataclasses.replace(TEXTS, test=TEXTS.train)
    checked(shared, shared=2)
    with pytest.raises(AssertionError, match="has 2 rows that are in two splits"):
        checked(shared, shared=1)


def test_other_values_at_the_second_load_break_the_contract(checked):
    other = dataclasses.replace(TEXTS, test=ids(0, 4, 4, 1))
    with pytest.raises(AssertionError, match="loads other values the second time"):
        checked(TEXTS, other)


def test_values_that_are_not_finite_and_images_of_no_shape_break_the_contract(checked):
    rows = torch.eye(4).chunk(4)
    images = Splits(train=rows[0], validation=rows[1], test=rows[2], kind="images")
    with pytest.raises(AssertionError, match="does not say how large its images are"):
        checked(images)
    with pytest.raises(AssertionError, match="values that are not finite"):
        checked(dataclasses.replace(images, test=torch.full((1, 4), torch.inf)))
