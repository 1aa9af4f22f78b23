"""What the project report decodes and encodes again of texts, from a decoder of known words."""

import pytest
import torch

from fmnbench.architectures.lstm import LSTM
from fmnbench.data.vocabulary import END_ID, SPECIALS, START_ID, Vocabulary
from fmnbench.datasets.base import Splits
from fmnbench.metrics import Evaluation, density_coverage
from fmnbench.nn.distributions import AutoregressiveCategorical, DiagonalNormal
from fmnbench.registry import metrics
from fmnbench.rng import isolated, stream

WORDS, ROWS = 8, 60
# Said by a decoder without limit, </s> after each; the project report takes 100 tokens, <s> and
# </s> among them, and encodes what came out again without <s>
SAID = [[], [3], [5, 4, 5], [6] * 97, [6] * 98, [7] * 99, [7] * 100, [4, 3] * 300]
AGAIN = [
    [END_ID],
    [3, END_ID],
    [5, 4, 5, END_ID],
    [6] * 97 + [END_ID],
    [6] * 98 + [END_ID],
    [7] * 99,
    [7] * 99,
    [4, 3] * 49 + [4],
]


class Speaker(torch.nn.Module):
    """A decoder of the texts in SAID; the sign and size of z choose one."""

    words = WORDS

    def start(self, z):
        return (kinds(z), torch.zeros(len(z), dtype=torch.long))

    def step(self, words, state):
        kind, place = state
        logits = torch.zeros(len(words), WORDS)
        for row, (text, at) in enumerate(zip(kind.tolist(), place.tolist(), strict=True)):
            logits[row, [*SAID[text], END_ID][min(at, len(SAID[text]))]] = 1.0
        return logits, (kind, place + 1)

    def log_prob(self, x, z):
        raise NotImplementedError


def kinds(z):
    """Returns eight sorts of z, each of them as likely under the prior."""
    return (8 * torch.special.ndtr(z[:, 0])).long()


class Spoken(LSTM):
    """An LSTM that keeps the rows that it encodes."""

    def __init__(self):
        with isolated(0, "test/weights"):
            super().__init__(WORDS, latent=2, embedding=3, hidden=5)
        self.seen = []

    def encode(self, x):
        self.seen.append(x)
        return super().encode(x)

    def decode(self, z):
        return AutoregressiveCategorical(Speaker(), z)


def evaluation():
    x = torch.randint(END_ID + 1, WORDS, (ROWS, 9), generator=stream(0, "test/texts")).int()
    x[:, 0], x[:, -1] = START_ID, END_ID
    words = Vocabulary((*SPECIALS, *(f"w{number}" for number in range(3, WORDS))))
    splits = Splits(train=x, validation=x, test=x, kind="texts", vocabulary=words)
    return Evaluation(Spoken().double(), splits, seed=0, batch_size=16, nll_samples=1)


def bare(rows):
    """Returns the ids of each row up to </s>; of one without it, all."""
    texts = rows.tolist()
    return [
        text[: text.index(END_ID) + 1] if END_ID in text else text for text in map(list, texts)
    ]


def test_report_encodes_what_its_decoder_said_again_without_start_and_invented_ends():
    of = evaluation()
    metrics.get("report.density")(of)
    said = kinds(of.generated_z).tolist()
    assert set(said) == set(range(len(SAID)))
    again = of.vae.seen[0]
    assert bare(again) == [AGAIN[kind] for kind in said]
    assert again.shape == (ROWS, 99)


def test_report_density_and_coverage_of_texts_are_those_of_what_was_said():
    of = evaluation()
    found = [metrics.get(f"report.{name}")(of) for name in ("density", "coverage")]
    texts = [AGAIN[kind] for kind in kinds(of.generated_z).tolist()]
    with torch.no_grad():
        alone = [of.vae.encode(torch.tensor([text]).int()) for text in texts]
        encoded = DiagonalNormal(
            torch.cat([q.mean for q in alone]), torch.cat([q.log_variance for q in alone])
        )
        drawn = encoded.rsample(generator=of.stream("report.density"))
        assert found == pytest.approx(density_coverage(of.z, drawn), rel=1e-12)
        whole = of.vae.encode(torch.tensor([[START_ID, *texts[0], END_ID]]).int())
    assert not torch.equal(whole.mean, alone[0].mean)
