"""Scores after the best epoch on validation rows, beside those after the last one."""

import dataclasses

import pytest
import torch
from resuming import Cut

from fmnbench.datasets.digits import Digits
from fmnbench.errors import Declined
from fmnbench.metrics.base import Evaluation
from fmnbench.planning.plan import resolve
from fmnbench.registry import metrics
from fmnbench.runs.evaluation import evaluation_of
from fmnbench.runs.kept import keep, kept
from fmnbench.runs.run import build
from fmnbench.spec import Task, Track
from fmnbench.training.loop import train

OVERFITTING = Track(
    name="tiny",
    dataset="digits",
    architecture="mlp",
    architecture_settings={"hidden": (64,), "latent": 8, "likelihood": "bernoulli"},
    epochs=6,
    batch_size=12,
    learning_rate=1e-2,
    nll_samples=20,
)
NAMES = ("nll", "kl", "mi_lower")


@pytest.fixture(scope="module")
def data():
    """Ten digits to train on, twelve times in an epoch: a model soon knows them by heart."""
    splits = Digits().load()
    few = splits.with_rows(
        train=splits.train[:10].round().repeat(12, 1),
        validation=splits.validation[:60],
        test=splits.test[:100],
    )
    return dataclasses.replace(few, rebinarise=False)


def spec(**changes):
    return resolve(Task(track=dataclasses.replace(OVERFITTING, **changes), critic="none"), 0)


def trained(run, data, checkpoint=None, report=lambda *_: None):
    model = build(run, data)
    return model.vae, train(model, data, run, checkpoint=checkpoint, report=report)


@pytest.fixture(scope="module")
def whole(data):
    """The VAE and the training that are not cut off."""
    return trained(spec(), data)


def bounds(done):
    return {
        int(entry["epoch"]): entry["validation.reconstruction"] + entry["validation.kl"]
        for entry in done.curve
        if "validation.kl" in entry
    }


def values(of):
    return {name: metrics.get(name)(of) for each in NAMES for name in (each, f"best.{each}")}


def test_scores_of_the_best_epoch_are_those_of_a_training_that_ends_there(data, whole):
    vae, done = whole
    best = min(bounds(done), key=bounds(done).__getitem__)
    assert 1 < best < OVERFITTING.epochs
    of = evaluation_of(vae, data, spec(), done.best)
    assert metrics.get("best.epoch")(of) == best
    found = values(of)
    assert found["best.nll"] < found["nll"] - 1
    ended, shorter = trained(spec(epochs=best), data)
    last = values(evaluation_of(ended, data, spec(), shorter.best))
    for name in NAMES:
        assert found[f"best.{name}"] == last[name] == last[f"best.{name}"]
        assert found[f"best.{name}"] != found[name]


def test_a_best_epoch_that_was_the_last_is_not_measured_twice(data):
    vae, done = trained(spec(epochs=1), data)
    assert (done.best.epoch, done.best.weights) == (1, None)
    of = evaluation_of(vae, data, spec(), done.best)
    assert of.once(Evaluation.of_best) is of


def test_only_epochs_that_validate_count(data):
    _, done = trained(spec(epochs=7, validate_every=3), data)
    found = bounds(done)
    assert set(found) == {3, 6}
    assert done.best.epoch == min(found, key=found.__getitem__)
    vae, none = trained(spec(epochs=2, validate_every=3), data)
    assert none.best is None
    of = evaluation_of(vae, data, spec(), none.best)
    for name in ("epoch", *NAMES):
        with pytest.raises(Declined, match="best epoch on validation rows is not known"):
            metrics.get(f"best.{name}")(of)


def test_a_plateau_ends_with_the_best_weights_itself(data):
    vae, done = trained(spec(epochs=30, plateau=1, halvings=1), data)
    found = bounds(done)
    assert done.epoch > done.best.epoch == min(found, key=found.__getitem__)
    assert done.best.weights is None
    expected, _ = trained(spec(epochs=done.best.epoch), data)
    for ours, theirs in zip(vae.parameters(), expected.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("after", [1, 4])
def test_a_training_that_is_cut_off_has_the_same_best_epoch(data, after, tmp_path, whole):
    vae, done = whole
    assert 1 < done.best.epoch < 4

    def cut(epoch, _):
        if epoch == after:
            raise Cut

    with pytest.raises(Cut):
        trained(spec(), data, tmp_path / "c.pt", cut)
    again, resumed = trained(spec(), data, tmp_path / "c.pt")
    assert resumed.resumed == 1
    assert resumed.best.epoch == done.best.epoch
    assert values(evaluation_of(again, data, spec(), resumed.best)) == values(
        evaluation_of(vae, data, spec(), done.best)
    )


def test_a_checkpoint_without_a_best_epoch_goes_on_and_knows_none(data, tmp_path, whole):
    path = tmp_path / "c.pt"
    trained(spec(epochs=3), data, path)
    state = torch.load(path, weights_only=True)
    del state["parts"]["stopping"]["best"]
    torch.save(state, path)
    for epochs in (5, 6):  # and after another cut
        vae, done = trained(spec(epochs=epochs), data, path)
        assert done.best is None
    assert done.resumed == 2
    for ours, theirs in zip(vae.parameters(), whole[0].parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_kept_weights_have_those_of_the_best_epoch_with_them(data, tmp_path, whole):
    path = tmp_path / "w.safetensors"
    vae, done = whole
    _, early = trained(spec(epochs=1), data)
    for best in (done.best, early.best, None):
        keep(path, vae, best)
        weights, found = kept(path)
        assert weights.keys() == vae.state_dict().keys()
        assert (found and found.epoch) == (best and best.epoch)
        if best is done.best:
            assert all(torch.equal(found.weights[name], best.weights[name]) for name in weights)
        elif best is not None:
            assert found.weights is None
