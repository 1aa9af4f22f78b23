"""The language model without a latent; and both text models trained and evaluated as a run is."""

import dataclasses
import math

import pytest
import torch
from resuming import learned_and_evaluated

from fmnbench.architectures.lstm import LSTM
from fmnbench.architectures.lstm_lm import LSTMLM
from fmnbench.critics.none import NoCritic
from fmnbench.data.vocabulary import SPECIALS, Vocabulary
from fmnbench.datasets.base import Splits
from fmnbench.errors import Declined
from fmnbench.metrics import Evaluation
from fmnbench.registry import critics, metrics
from fmnbench.rng import isolated, stream
from fmnbench.spec import Track

END = 1
SMALL = {"embedding": 3, "hidden": 4, "dropout": 0.0}
WORDS = 9


def vae(make=LSTMLM, dtype=torch.float64, **settings):
    with isolated(0, "test/vae"):
        return make(WORDS, **(SMALL | settings)).to(dtype)


def normals(*shape, dtype=torch.float64):
    return torch.empty(shape, dtype=dtype).normal_(generator=stream(1, "test/normals"))


def texts(n, width=8):
    """Runs of one word: rows that a model can learn something of."""
    generator = stream(2, "test/texts")
    x = torch.randint(3, WORDS, (n, 1), generator=generator).repeat(1, width)
    lengths = torch.randint(2, width - 1, (n, 1), generator=generator)
    x[torch.arange(width) > lengths] = END
    x[:, 0] = 0
    return x.int()


def test_the_language_model_is_the_decoder_of_lstm_without_z():
    model, free = vae(LSTM, latent=2, z_input="plain"), vae()
    with torch.no_grad():
        model.decoder.recurrence.cell.weight_ih[:, 3:] = 0
        model.decoder.first_cell.weight.zero_()
        source = model.decoder.state_dict()
        source["recurrence.cell.weight_ih"] = source["recurrence.cell.weight_ih"][:, :3]
        del source["first_cell.weight"]
    free.decoder.load_state_dict(source)
    x = texts(6)
    expected = model.decode(normals(6, 2)).log_prob(x)
    torch.testing.assert_close(free.exact_log_likelihood(x), expected, rtol=1e-12, atol=0)
    assert expected.std() > 0.1


def test_its_log_prob_is_the_same_for_all_samples_and_worked_out_once():
    model, x = vae(), texts(6)
    exact = model.exact_log_likelihood(x)
    passes = []
    model.decoder.recurrence.register_forward_hook(lambda *call: passes.append(call))
    many = model.decode(normals(2, 5, 6, 0)).log_prob(x)
    assert len(passes) == 1
    assert torch.equal(many, exact.expand(2, 5, 6))
    assert torch.equal(model.decode(normals(6, 0)).log_prob(x), exact)


def test_the_default_language_model_has_the_decoders_sizes():
    model = LSTMLM(20_001)
    gates = 4096 * (256 + 1024 + 2)
    expected = 20_001 * 256 + gates + 1024 * 20_001
    assert sum(weight.numel() for weight in model.parameters()) == expected


def test_uniform_weights_of_the_language_model_begin_as_the_papers():
    for name, weight in vae(initialisation="uniform", hidden=40).named_parameters():
        bound = 0.1 if "embedding" in name else 0.01
        assert 0.8 * bound < weight.abs().max() <= bound


@pytest.mark.parametrize("name", [name for name in critics.names() if name != "none"])
def test_critics_decline_a_language_model(name):
    with pytest.raises(Declined, match="LSTMLM has no latent"):
        critics.get(name)(vae())


def test_the_none_critic_takes_a_language_model():
    model, x = vae(), texts(4)
    q = model.encode(x)
    assert q.mean.shape == (4, 0)
    assert NoCritic(model)(x, q.rsample(), q) == 0


def splits():
    train, validation, test = texts(80).split((48, 16, 16))
    words = Vocabulary((*SPECIALS, *"abcdef"))
    return Splits(train=train, validation=validation, test=test, kind="texts", vocabulary=words)


def test_likelihood_metrics_of_a_language_model_are_exact_whatever_the_number_of_samples():
    data, model = splits(), vae()
    truth = -model.exact_log_likelihood(data.test).mean().item()
    predicted = (data.test != END).sum().item()  # a place for each: <s> is none, </s> is one
    for samples in (1, 500):
        of = Evaluation(model, data, seed=0, batch_size=8, nll_samples=samples)
        for name in ("nll", "nll_exact", "reconstruction", "report.nll"):
            assert metrics.get(name)(of) == pytest.approx(truth, rel=1e-12)
        assert metrics.get("ppl")(of) == pytest.approx(math.exp(truth * 16 / predicted), rel=1e-12)
        for name in ("kl", "au", "report.au"):
            assert metrics.get(name)(of) == 0
        with pytest.raises(Declined, match="takes a latent"):
            metrics.get("reconstruction_at_prior")(of)


TRACK = Track(
    name="tiny",
    dataset="synthetic-text",
    architecture="lstm",
    architecture_settings={"embedding": 8, "hidden": 16, "latent": 2},
    epochs=4,
    batch_size=8,
    learning_rate=2e-2,
    gradient_clip=5.0,
    nll_samples=3,
)
FREE = dataclasses.replace(
    TRACK, architecture="lstm-lm", architecture_settings={"embedding": 8, "hidden": 16}
)
ROUGH = dataclasses.replace(TRACK, precision="bf16")


@pytest.mark.parametrize(
    ("track", "critic"), [(TRACK, "hybrid"), (TRACK, "self"), (ROUGH, "neural"), (FREE, "none")]
)
def test_a_run_with_dropout_learns_resumes_to_the_same_bits_and_has_finite_metrics(
    tmp_path, track, critic
):
    values, curve = learned_and_evaluated(track, critic, splits(), tmp_path, share=0.9)
    assert {"nll", "elbo", "ppl"} <= {*values}
    assert values["nll"] < curve[0]["reconstruction"] + curve[0]["kl"]
