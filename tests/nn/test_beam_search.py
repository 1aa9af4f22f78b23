"""Beam search on a model that is a table, against all texts and a search written plainly."""

import math

import pytest
import torch
from word_table import (
    ALL,
    KINDS,
    LIMIT,
    PREFIXES,
    WORDS,
    Table,
    behind,
    every_text,
    kinds,
    log_softmax,
    score,
    table,
    texts,
)

from fmnbench.data.vocabulary import END_ID, START_ID
from fmnbench.nn.decoding import beam, greedy


def searched(model, kind, beams):
    """Returns the best text of a beam search, one candidate at a time."""
    best = [(0.0, [START_ID])]
    for place in range(1, LIMIT + 2):
        ahead = []
        for total, text in best:
            if text[-1] == END_ID:
                ahead.append((total, text))
                continue
            logs = log_softmax(behind(model, kind, text))
            for word in range(END_ID, WORDS if place <= LIMIT else END_ID + 1):
                ahead.append((total + logs[word], [*text, word]))
        best = sorted(ahead, key=lambda pair: -pair[0])[:beams]
        if best[0][1][-1] == END_ID:
            break
    return best[0][1]


def test_a_search_steps_only_what_may_still_win():
    n = len(ALL)
    model = table(5, end=20.0)  # all end at once, though others are in the beam
    beam(model, ALL, beams=3, limit=LIMIT)
    assert model.stepped == [n]
    model = table(5, end=-20.0)
    model.logits[:, :, WORDS - 1] = -math.inf  # one live text a row; others end or cannot be
    beam(model, ALL, beams=3, limit=LIMIT)
    assert model.stepped == [n] * (LIMIT + 1)


def test_one_beam_is_greedy():
    for seed in range(20):
        model = table(seed, end=0.5)
        assert torch.equal(beam(model, ALL, beams=1, limit=LIMIT), greedy(model, ALL, limit=LIMIT))


def test_a_beam_for_every_prefix_finds_the_likeliest_text_of_all():
    beams = 3**LIMIT  # of each length there are fewer texts, finished ones counted
    others = 0
    for seed in range(10):
        model = table(seed, spread=0.5, end=-1.0)
        found = texts(beam(model, ALL, beams=beams, limit=LIMIT))
        for kind in range(KINDS):
            best = max(every_text(), key=lambda text: score(model, kind, text))
            assert found[kind] == best
        greedier = texts(greedy(model, ALL, limit=LIMIT))
        others += sum(a != b for a, b in zip(found, greedier, strict=True))
    assert others > 10  # else a greedy search would do


@pytest.mark.parametrize("beams", [2, 3])
def test_a_beam_search_is_the_one_written_plainly(beams):
    seen = set()
    for seed in range(20):
        model = table(seed, spread=0.7, end=-0.5)
        found = texts(beam(model, ALL, beams=beams, limit=LIMIT))
        assert found == [searched(model, kind, beams) for kind in range(KINDS)]
        seen |= {len(text) for text in found}
    assert seen == {2, 3, 4, 5}


def test_a_search_follows_a_word_that_pays_only_later():
    """At first `b` is likelier than `a`; but what follows `a` is certain."""
    a, b = 2, 3
    given = {
        (START_ID,): {a: 0.4, b: 0.6},
        (START_ID, a): {END_ID: 1.0},
        (START_ID, b): {END_ID: 0.5, a: 0.5},
        (START_ID, b, a): {END_ID: 1.0},
    }
    logits = torch.full((1, PREFIXES, WORDS), -math.inf)
    for prefix, probabilities in given.items():
        number = sum(word * WORDS**place for place, word in enumerate(reversed(prefix)))
        for word, probability in probabilities.items():
            logits[0, number, word] = math.log(probability)
    model, z = Table(logits), kinds(0)
    assert texts(greedy(model, z, limit=LIMIT)) == [[START_ID, b, END_ID]]
    assert texts(beam(model, z, beams=2, limit=LIMIT)) == [[START_ID, a, END_ID]]


def test_words_without_probability_are_never_found():
    model = table(10)
    model.logits[:, :, WORDS - 1] = -math.inf
    found = beam(model, ALL, beams=9, limit=LIMIT)
    assert (found != WORDS - 1).all()
    assert (found == END_ID).any(1).all()
