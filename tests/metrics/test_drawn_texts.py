"""The texts that density and coverage judge: drawn from the model, word by word."""

import collections
import itertools

import pytest
import torch

from fmnbench.architectures.lstm import LSTM
from fmnbench.architectures.lstm_lm import LSTMLM
from fmnbench.data.vocabulary import END_ID, SPECIALS, START_ID, Vocabulary
from fmnbench.datasets.base import Splits
from fmnbench.metrics import Evaluation
from fmnbench.metrics.density_coverage import against_test_rows
from fmnbench.registry import metrics
from fmnbench.rng import isolated, stream

WORDS = 6
SIZES = {"embedding": 3, "hidden": 5}


def evaluation(vae, rows, width=7):
    """Texts of random words and any length up to the width, all of it used."""
    x = torch.randint(END_ID + 1, WORDS, (rows, width), generator=stream(0, "test/texts")).int()
    lengths = torch.randint(1, width - 1, (rows, 1), generator=stream(0, "test/lengths"))
    lengths[0] = width - 2
    x[torch.arange(width) > lengths] = END_ID
    x[:, 0] = START_ID
    words = Vocabulary((*SPECIALS, *(f"w{number}" for number in range(3, WORDS))))
    splits = Splits(train=x, validation=x, test=x, kind="texts", vocabulary=words)
    return Evaluation(vae, splits, seed=0, batch_size=16, nll_samples=1)


def fresh(kind=LSTM, **settings):
    with isolated(0, "test/weights"):
        return kind(WORDS, **SIZES, **settings)


def short_texts(words):
    """Returns all texts of so many words."""
    middle = itertools.product(range(END_ID + 1, WORDS), repeat=words)
    return [(START_ID, *each, END_ID) for each in middle]


@torch.no_grad()
def chances(decoder, text, z):
    """Returns the probability of a text at each z, where <s> cannot come again."""
    state, total = decoder.start(z), torch.ones(len(z), dtype=torch.float64)
    for word, following in itertools.pairwise(text):
        logits, state = decoder.step(torch.full((len(z),), word), state)
        total = total * logits[:, START_ID + 1 :].double().softmax(1)[:, following - 1]
    return total


@pytest.mark.parametrize(("kind", "settings"), [(LSTM, {"latent": 2}), (LSTMLM, {})])
def test_texts_come_as_often_as_the_model_says_at_their_z(kind, settings):
    vae = fresh(kind, **settings)
    for name, weight in vae.decoder.named_parameters():
        # far from uniform, and of different words at different z
        torch.nn.init.normal_(weight, generator=stream(0, name))
    of = evaluation(vae, 4000)
    found = collections.Counter()
    for row in of.generated.tolist():
        found[tuple(row[: row.index(END_ID) + 1])] += 1
    for text in [*short_texts(0), *short_texts(1), *short_texts(2)]:
        chance = chances(vae.decoder, text, of.generated_z)
        spread = (chance * (1 - chance)).sum().sqrt().item()
        # of 21 counts none is further off than five deviations, nor one of a rare text by a few
        assert found[text] == pytest.approx(chance.sum().item(), abs=5 * spread + 3)
    assert sum(found[text] for text in short_texts(1)) > 100
    assert len({tuple(row) for row in of.generated.tolist()}) > 20


def test_texts_are_drawn_up_to_as_many_words_as_the_longest_of_the_data():
    vae = fresh(LSTMLM)
    with torch.no_grad():
        for weight in vae.decoder.recurrence.parameters():
            weight.fill_(1.0)  # all states are above ½ from the first word on
        vae.decoder.embedding.weight.zero_()
        vae.decoder.output.weight.zero_()[END_ID] = -10.0
    rows = evaluation(vae, 20, width=132).generated
    assert (rows == END_ID).sum(1).tolist() == [1] * 20
    assert rows.shape == (20, 132)


def test_density_and_coverage_of_texts_are_those_of_the_drawn_ones():
    of = evaluation(fresh(latent=2), 300)
    found = [metrics.get(name)(of) for name in ("density", "coverage")]
    assert found == list(against_test_rows(of, of.generated))
    greedy = of.vae.decode(of.generated_z).greedy(limit=5)
    assert found[1] > 2 * against_test_rows(of, greedy)[1]
