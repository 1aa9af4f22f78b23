"""Greedy and sampled texts of a model that is a table, against plain enumeration."""

import collections
import math

import pytest
import torch
from word_table import (
    ALL,
    KINDS,
    LIMIT,
    WORDS,
    behind,
    every_text,
    kinds,
    log_softmax,
    table,
    texts,
)

from fmnbench.data.vocabulary import END_ID, START_ID
from fmnbench.errors import UsageError
from fmnbench.nn import decoding
from fmnbench.nn.decoding import Stepper, greedy, sample
from fmnbench.rng import stream

ZERO = 1233  # the first seed with a zero among its first 2**14 numbers


def greedily(model, kind, limit=LIMIT):
    text = [START_ID]
    while text[-1] != END_ID and len(text) <= limit:
        logits = behind(model, kind, text)
        text.append(max(range(END_ID, WORDS), key=logits.__getitem__))
    return text if text[-1] == END_ID else [*text, END_ID]


def test_a_table_is_a_stepper():
    assert isinstance(table(), Stepper)


def test_greedy_texts_take_the_likeliest_word_each_time():
    lengths = set()
    for seed in range(10):
        model = table(seed)
        found = greedy(model, ALL, limit=LIMIT)
        assert found.dtype == torch.int32
        assert texts(found) == [greedily(model, kind) for kind in range(KINDS)]
        assert found.shape[1] == max(map(len, texts(found)))
        lengths |= set(map(len, texts(found)))
    assert lengths == {2, 3, 4, 5}


def test_nothing_but_the_end_follows_the_end_of_a_text():
    model = table()
    for found in (
        greedy(model, ALL, limit=LIMIT),
        sample(model, ALL, stream(0, "draws"), limit=LIMIT),
    ):
        ended = (found == END_ID).long()
        assert (found[:, 0] == START_ID).all()
        assert (ended.diff(dim=1) >= 0).all()
        assert (ended[:, -1] == 1).all()


def test_what_a_row_gets_does_not_depend_on_its_neighbours():
    model = table(3)
    alone = [texts(greedy(model, row[None], limit=LIMIT))[0] for row in ALL]
    assert texts(greedy(model, ALL, limit=LIMIT)) == alone
    rows = kinds(*[0, 5] * 200)
    others = kinds(*[0, 7] * 200)
    ours, theirs = (texts(sample(model, z, stream(1, "z"), limit=LIMIT)) for z in (rows, others))
    assert ours[::2] == theirs[::2]
    assert ours[1::2] != theirs[1::2]


def test_rows_in_blocks_get_the_same_texts(monkeypatch):
    model, z = table(4), ALL.repeat(3, 1)

    def decode():
        return (
            greedy(model, z, limit=LIMIT),
            sample(model, z, stream(0, "draws"), limit=LIMIT),
        )

    whole = decode()
    model.stepped.clear()
    monkeypatch.setattr(decoding, "CPU_LOGITS", 7 * WORDS)
    for blocked, found in zip(decode(), whole, strict=True):
        assert torch.equal(blocked, found)
    assert max(model.stepped) == 7
    monkeypatch.undo()
    monkeypatch.setattr(decoding, "ROWS", 10)
    model.stepped.clear()
    assert torch.equal(decode()[0], whole[0])
    assert max(model.stepped) == 10


def test_finished_rows_leave_the_batch():
    model, z = table(5, end=1.0), ALL.repeat(20, 1)
    for decode in (greedy, lambda *_, limit: sample(model, z, stream(0, "draws"), limit=limit)):
        model.stepped.clear()
        lengths = [len(text) for text in texts(decode(model, z, limit=LIMIT))]
        assert min(lengths) == 2
        # a step for each word and for </s>, but none after the last word that is allowed
        assert sum(model.stepped) == sum(min(length - 1, LIMIT) for length in lengths)


def test_checking_less_often_for_finished_rows_changes_no_text(monkeypatch):
    model, z = table(6, end=0.5), ALL.repeat(20, 1)

    def decode():
        return greedy(model, z, limit=LIMIT), sample(model, z, stream(2, "draws"), limit=LIMIT)

    often = decode()
    for patience in (2, 3, 50):
        monkeypatch.setattr(decoding, "CPU_PATIENCE", patience)
        assert all(torch.equal(a, b) for a, b in zip(decode(), often, strict=True))


@pytest.mark.parametrize("temperature", [1.0, 0.4, 3.0])
def test_texts_are_sampled_as_often_as_they_are_likely(temperature):
    n, model = 40_000, table(7)
    draws = texts(
        sample(model, kinds(*[2] * n), stream(0, "draws"), temperature=temperature, limit=2)
    )
    counts = collections.Counter(map(tuple, draws))
    total = 0.0
    for text in every_text(2):
        probability = 1.0
        for place in range(1, min(len(text), 3)):  # </s> after the last word is not drawn
            logits = [logit / temperature for logit in behind(model, 2, text[:place])[END_ID:]]
            probability *= math.exp(log_softmax(logits)[text[place] - END_ID])
        error = math.sqrt(probability * (1 - probability) / n)
        assert abs(counts[tuple(text)] / n - probability) < 5 * error  # 7 texts at 5 sigma
        total += probability
    assert total == pytest.approx(1)
    assert sum(counts.values()) == sum(counts[tuple(text)] for text in every_text(2))


def test_samples_are_the_generators():
    model, z = table(8), ALL.repeat(10, 1)
    one, again, other = (
        sample(model, z, stream(seed, "draws"), limit=LIMIT) for seed in (1, 1, 2)
    )
    assert torch.equal(one, again)
    assert texts(one) != texts(other)
    generator = stream(1, "draws")
    first, second = (sample(model, z, generator, limit=LIMIT) for _ in range(2))
    assert texts(first) != texts(second)


@pytest.mark.parametrize("temperature", [1e-3, 1e-30, 1e-320])
def test_cold_samples_are_greedy(temperature):
    model, z = table(9, spread=20.0), ALL.repeat(30, 1)
    cold = sample(model, z, stream(0, "draws"), temperature=temperature, limit=LIMIT)
    assert torch.equal(cold, greedy(model, z, limit=LIMIT))


def test_words_without_probability_are_never_sampled():
    model = table(10)
    model.logits[:, :, [END_ID, WORDS - 1]] = -math.inf
    z = ALL.repeat(100, 1)
    draws = sample(model, z, stream(0, "draws"), limit=LIMIT)
    assert texts(draws) == [[START_ID, 2, 2, 2, END_ID]] * len(z)


def test_a_uniform_number_of_zero_draws_no_word_without_probability():
    model, z = table(10), ALL[:1].expand(2**14, 1)
    assert (torch.rand(1, len(z), generator=torch.Generator().manual_seed(ZERO)) == 0).any()
    model.logits[:, :, END_ID] = -math.inf
    draws = sample(model, z, torch.Generator().manual_seed(ZERO), limit=1)
    assert (draws[:, 1] != END_ID).all()


def test_logits_that_are_not_numbers_give_words_nonetheless():
    model = table(10)
    model.logits[:] = math.nan
    for found in (
        greedy(model, ALL, limit=LIMIT),
        sample(model, ALL, stream(0, "draws"), limit=LIMIT),
    ):
        assert (found < WORDS).all()


def test_the_start_is_never_produced_however_likely_it_is():
    model = table(11)
    model.logits[:, :, START_ID] = 50.0
    for found in (
        greedy(model, ALL, limit=LIMIT),
        sample(model, ALL, stream(0, "draws"), limit=LIMIT),
    ):
        assert (found[:, 1:] != START_ID).all()


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_text_that_does_not_end_is_closed_at_the_limit(limit):
    model = table(12, end=-30.0)
    for found in (
        greedy(model, ALL, limit=limit),
        sample(model, ALL, stream(0, "draws"), limit=limit),
    ):
        assert found.shape == (KINDS, limit + 2)
        assert (found[:, :-1] != END_ID).all()
        assert (found[:, -1] == END_ID).all()


def test_no_rows_give_no_texts():
    model = table()
    assert greedy(model, ALL[:0]).shape == (0, 1)
    assert sample(model, ALL[:0], stream(0, "draws")).shape == (0, 1)


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.inf, math.nan])
def test_a_temperature_is_positive_and_finite(temperature):
    with pytest.raises(UsageError, match=r"temperature is .*; it must be above 0 and finite\."):
        sample(table(), ALL, stream(0, "draws"), temperature=temperature)


@pytest.mark.parametrize("limit", [0, -2])
def test_a_limit_is_at_least_1(limit):
    for decode in (greedy, lambda *given, limit: sample(*given, stream(0, "draws"), limit=limit)):
        with pytest.raises(UsageError, match=rf"limit is {limit}; it must be at least 1\."):
            decode(table(), ALL, limit=limit)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_the_texts_of_a_cpu():
    model, z = table(13, end=0.5), ALL.repeat(20, 1)
    words = greedy(model, z, limit=LIMIT)
    draws = sample(model, z, stream(0, "draws"), limit=LIMIT)
    model.logits = model.logits.cuda()
    model.start = lambda z: (z[:, 0].long(), torch.zeros(len(z), dtype=torch.long).to(z.device))
    assert torch.equal(greedy(model, z.cuda(), limit=LIMIT).cpu(), words)
    assert torch.equal(sample(model, z.cuda(), stream(0, "draws"), limit=LIMIT).cpu(), draws)
