"""A model of texts from training to metrics, on texts small enough to work out by hand."""

import dataclasses
import math

import pytest
import torch
from resuming import trained_and_resumed

from fmnbench.architectures.lstm import LSTM
from fmnbench.architectures.lstm_lm import LSTMLM
from fmnbench.data.vocabulary import Vocabulary
from fmnbench.datasets.base import text_splits
from fmnbench.errors import Declined
from fmnbench.metrics import Evaluation
from fmnbench.metrics.reference import word_frequencies
from fmnbench.nn.lengths import text_lengths
from fmnbench.planning.plan import resolve
from fmnbench.registry import metrics
from fmnbench.rng import isolated
from fmnbench.runs.evaluation import Clock, evaluate
from fmnbench.runs.run import build
from fmnbench.spec import Task, Track
from fmnbench.training.loop import train

SIZES = {"latent": 2, "embedding": 6, "hidden": 8}
TRAIN = ["a b", "a", "b a a", "c b", "a b c c", "b"] * 10
TEST = ["a b", "c", "b b a", "z a"]  # z is unknown
VOCABULARY = Vocabulary.of(TRAIN)


def data(train=TRAIN):
    texts = {"train": train, "validation": TEST, "test": TEST}
    encoded = {split: VOCABULARY.encode(documents) for split, documents in texts.items()}
    return text_splits(VOCABULARY, encoded)


def spec(critic="none", **changes):
    track = Track(
        name="tiny",
        dataset="synthetic-text",  # its name alone: the texts are ours
        architecture="lstm",
        architecture_settings=SIZES,
        epochs=3,
        batch_size=16,
        learning_rate=1e-2,
    )
    task = Task(track=dataclasses.replace(track, **changes), critic=critic, lambda_=1.0)
    return resolve(task, 0)


def evaluation(vae, **changes):
    sizes = {"seed": 0, "batch_size": 2, "nll_samples": 5} | changes
    return Evaluation(vae, data(), **sizes)


def fresh(kind=LSTM, **settings):
    with isolated(0, "test/weights"):
        return kind(len(VOCABULARY), **settings)


def curve(run, splits):
    progression = train(build(run, splits), splits, run, checkpoint=None, report=lambda *_: None)
    return progression.curve


def test_perplexity_is_per_predicted_word_with_the_end_and_without_the_start():
    of = evaluation(fresh(**SIZES))
    nll, ppl = metrics.get("nll")(of), metrics.get("ppl")(of)
    predicted = (3 + 2 + 4 + 3) / 4
    assert ppl == pytest.approx(math.exp(nll / predicted), rel=1e-12)


def test_an_untrained_language_model_of_zeros_is_as_perplexed_as_there_are_words():
    model = fresh(LSTMLM, embedding=6, hidden=8)
    for weight in model.parameters():
        torch.nn.init.zeros_(weight)
    of = evaluation(model)
    assert metrics.get("ppl")(of) == pytest.approx(len(VOCABULARY), rel=1e-6)


def test_a_perplexity_takes_texts():
    splits = dataclasses.replace(data(), kind="vectors")
    of = Evaluation(fresh(**SIZES), splits, seed=0, batch_size=2, nll_samples=1)
    with pytest.raises(Declined, match="takes texts, not vectors"):
        metrics.get("ppl")(of)


def test_word_frequencies_count_what_is_predicted_plus_one():
    found = word_frequencies(data().train, len(VOCABULARY))
    counts = dict.fromkeys(VOCABULARY.words, 1)
    for text in TRAIN:
        for word in [*text.split(), "</s>"]:
            counts[word] += 1
    total = sum(counts.values())
    expected = [counts[word] / total for word in VOCABULARY.words]
    assert found.tolist() == pytest.approx(expected, rel=1e-12)
    assert counts["<s>"] == 1  # never due


def test_the_constant_reference_of_texts_is_the_model_of_word_frequencies():
    of = evaluation(fresh(**SIZES))
    frequencies = dict(
        zip(VOCABULARY.words, word_frequencies(data().train, len(VOCABULARY)), strict=True)
    )
    texts = [[word if word in frequencies else "_UNK" for word in text.split()] for text in TEST]
    losses = [-sum(math.log(frequencies[w]) for w in [*text, "</s>"]) for text in texts]
    assert metrics.get("reference.nll")(of) == pytest.approx(sum(losses) / 4, rel=1e-12)


@pytest.mark.parametrize("critic", ["none", "self", "neural", "hybrid"])
def test_a_training_with_dropout_that_is_cut_off_resumes_to_the_same_bits(tmp_path, critic):
    state = torch.get_rng_state()
    trained_and_resumed(
        spec(critic, length_pool=2 if critic == "self" else None), data(), tmp_path
    )
    assert torch.equal(torch.get_rng_state(), state)


def test_dropout_draws_anew_in_each_epoch():
    # equal texts in one batch, and in effect no step: epochs can differ by dropout alone
    still = {"learning_rate": 1e-30, "batch_size": 60, "epochs": 2, "architecture": "lstm-lm"}
    alike = data(["a b c"] * 60)
    for dropout in (0.5, 0.0):
        sizes = {"dropout": dropout, "embedding": 6, "hidden": 8}
        one, other = (
            entry["loss"] for entry in curve(spec(**still, architecture_settings=sizes), alike)
        )
        assert (abs(one - other) > 1e-3) == bool(dropout)


def test_a_track_by_length_trains_on_batches_of_one_length():
    # 30 texts of one word, 30 of seven: by length, one of the two batches is of ends and starts
    texts = data(["a"] * 30 + ["a b c a b c a"] * 30)
    one_step = {"batch_size": 30, "epochs": 1, "optimizer": "sgd", "learning_rate": 1e-30}
    run = spec(**one_step, length_pool=2, architecture_settings={**SIZES, "dropout": 0.0})
    seen = []
    model = build(run, texts)
    model.vae.encoder[0].register_forward_hook(
        lambda module, given, output: seen.append({*text_lengths(given[0]).tolist()})
    )
    train(model, texts, run, checkpoint=None, report=lambda *_: None)
    assert sorted(map(sorted, seen[:2])) == [[3], [9]]


def test_a_run_is_evaluated_in_the_precision_of_its_track():
    vae, found = fresh(latent=2, embedding=32, hidden=64), set()
    texts = dataclasses.replace(data(), test=data().train[:12])  # density takes more than 5
    for precision in ("float32", "bf16"):
        run = spec(precision=precision, nll_samples=5)
        values = evaluate(vae, texts, run, Clock()).values
        of = Evaluation(vae, texts, seed=0, batch_size=16, nll_samples=5, precision=precision)
        assert values["reconstruction"] == metrics.get("reconstruction")(of)
        found.add(values["reconstruction"])
    assert len(found) == 2


def test_metrics_in_bf16_are_those_of_float32_to_its_digits():
    vae = fresh(latent=2, embedding=32, hidden=64)
    exact, rounded = (
        evaluation(vae, precision=precision, nll_samples=50) for precision in ("float32", "bf16")
    )
    for name in ("nll", "report.nll", "reconstruction"):
        one, other = metrics.get(name)(exact), metrics.get(name)(rounded)
        assert other != one
        assert other == pytest.approx(one, rel=2**-8)  # half a unit of bfloat16's last digit
