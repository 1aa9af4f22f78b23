import itertools

import pytest
import torch

from fmnbench.data.vocabulary import Vocabulary
from fmnbench.datasets.base import Splits, text_splits
from fmnbench.errors import Declined
from fmnbench.nn.lengths import text_lengths
from fmnbench.rng import stream
from fmnbench.training.batches import shuffled

N = 100


def texts(lengths):
    vocabulary = Vocabulary.of(["a b"])
    encoded = vocabulary.encode([" ".join("a" * length) for length in lengths])
    return text_splits(vocabulary, dict.fromkeys(("train", "validation", "test"), encoded))


def varied():
    draws = torch.randint(1, 60, (N,), generator=stream(0, "test/lengths"))
    return texts(draws.tolist())


def vectors():
    rows = torch.arange(N, dtype=torch.float32)[:, None]
    return Splits(train=rows, validation=rows, test=rows, kind="vectors")


def test_the_length_of_a_text_counts_both_ends():
    assert text_lengths(texts([3, 1, 5]).train).tolist() == [5, 3, 7]


@pytest.mark.parametrize("pool", [None, 2, 100])
def test_an_epoch_visits_each_row_once_in_batches_of_one_size_and_a_rest(pool):
    batches = shuffled(varied(), 16, stream(0, "test"), length_pool=pool)
    assert sorted(torch.cat(batches).tolist()) == list(range(N))
    assert sorted(map(len, batches)) == [4] + 6 * [16]


@pytest.mark.parametrize("pool", [None, 2, 100])
def test_each_epoch_has_another_order_and_a_seed_the_same_ones(pool):
    def epochs():
        generator = stream(0, "test")
        return [torch.cat(shuffled(varied(), 16, generator, length_pool=pool)) for _ in range(2)]

    (first, second), again = epochs(), epochs()
    assert not torch.equal(first, second)
    assert torch.equal(first, again[0])
    assert torch.equal(second, again[1])


def test_batches_by_length_hold_texts_that_are_next_to_each_other_in_length():
    data = varied()
    lengths = text_lengths(data.train)
    batches = shuffled(data, 16, stream(0, "test"), length_pool=100)
    ranges = sorted((int(lengths[rows].min()), int(lengths[rows].max())) for rows in batches)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(ranges))
    starts = [int(lengths[rows].min()) for rows in batches]
    assert starts != sorted(starts)  # short texts do not always come first


def test_each_pool_is_of_random_batches_and_its_batches_are_by_length():
    data, pool = varied(), 3
    lengths = text_lengths(data.train)
    random = shuffled(data, 10, stream(0, "test"))
    pooled = shuffled(data, 10, stream(0, "test"), length_pool=pool)
    found = [frozenset(rows.tolist()) for rows in pooled]
    for start in range(0, len(random), pool):
        rows = torch.cat(random[start : start + pool])
        wanted = rows[lengths[rows].argsort(stable=True)].split(10)
        assert {frozenset(batch.tolist()) for batch in wanted} <= set(found)


def test_texts_of_one_length_meet_others_in_each_epoch():
    data, generator = texts([5] * N), stream(0, "test")
    first, second = (shuffled(data, 10, generator, length_pool=100) for _ in range(2))
    assert {frozenset(rows.tolist()) for rows in first}.isdisjoint(
        frozenset(rows.tolist()) for rows in second
    )


def test_without_lengths_the_order_is_the_generators_permutation():
    batches = shuffled(vectors(), 16, stream(0, "test"))
    order = torch.randperm(N, generator=stream(0, "test"))
    assert torch.equal(torch.cat(batches), order)


def test_rows_that_are_no_texts_have_no_lengths():
    with pytest.raises(Declined, match="batches by length take texts, not vectors"):
        shuffled(vectors(), 16, stream(0, "test"), length_pool=100)
