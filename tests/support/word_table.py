"""A model of words that is a table of every prefix's logits, and what it says, in plain words."""

import itertools
import math

import torch

from fmnbench.data.vocabulary import END_ID, START_ID
from fmnbench.rng import stream

WORDS, LIMIT, KINDS = 4, 3, 12  # <s>, </s> and two words; rows are of some kinds
PREFIXES = WORDS ** (LIMIT + 1)


class Table:
    """The logits behind each prefix, which are the digits of its number; z says a row's kind."""

    words = WORDS

    def __init__(self, logits):
        self.logits = logits  # by kind, prefix and word
        self.stepped = []  # rows of each step

    def start(self, z):
        return (z[:, 0].long(), torch.zeros(len(z), dtype=torch.long))

    def step(self, words, state):
        kind, number = state
        self.stepped.append(len(words))
        number = number * WORDS + words
        return self.logits[kind, number], (kind, number)


def table(seed=0, spread=1.0, end=0.0):
    logits = spread * torch.randn(KINDS, PREFIXES, WORDS, generator=stream(seed, "logits"))
    logits[:, :, END_ID] += end
    return Table(logits)


def kinds(*rows):
    return torch.tensor(rows).float()[:, None]


ALL = kinds(*range(KINDS))


def behind(model, kind, prefix):
    """Returns the logits of the word behind a prefix as numbers."""
    number = sum(int(word) * WORDS**place for place, word in enumerate(reversed(prefix)))
    return model.logits[kind, number].tolist()


def log_softmax(logits):
    total = math.log(sum(math.exp(logit) for logit in logits))
    return [logit - total for logit in logits]


def every_text(limit=LIMIT):
    """Returns all texts of up to `limit` words as lists of ids, <s> and </s> among them."""
    return [
        [START_ID, *words, END_ID]
        for count in range(limit + 1)
        for words in itertools.product(range(END_ID + 1, WORDS), repeat=count)
    ]


def texts(rows):
    """Returns rows of ids as lists that end with the first </s>."""
    return [row[: row.index(END_ID) + 1] for row in rows.tolist()]
