"""Aggressive training: which weights move, and when the phase ends."""

import torch
from tiny_runs import splits, trained

from fmnbench.runs.run import build
from fmnbench.training.loop import _optimizer
from fmnbench.training.model import Streams
from fmnbench.training.steps import Steps
from fmnbench.training.stopping import Stopping


class Watched:
    """A training that takes no steps, and notes those it was asked for."""

    vae = progress = None

    def __init__(self):
        self.calls = []

    def inference(self):
        return ["encoder"]

    def generative(self):
        return ["decoder"]

    def batch(self, x):
        return "own"

    def another(self):
        return "another"

    def descend(self, batch, weights=None):
        self.calls.append((batch, weights))
        return torch.zeros(4)

    def reset(self, weights):
        raise AssertionError


def test_with_an_endless_inner_loop_the_decoder_moves_once_a_batch(batch_of):
    remedy, batch = batch_of("lagging", {"most": 7, "block": 8})
    training = Watched()
    remedy.step(training, batch.x)
    inner = [("own", ["encoder"]), *[("another", ["encoder"])] * 6]
    assert training.calls == [*inner, ("own", ["decoder"])]


def test_the_inner_loop_ends_with_the_first_block_that_gains_nothing(batch_of):
    remedy, batch = batch_of("lagging", {"most": 99, "block": 4})
    training = Watched()  # its losses are all 0
    remedy.step(training, batch.x)
    assert len(training.calls) == 2 * 4 + 1


def test_steps_of_the_encoder_leave_the_decoder_and_of_the_decoder_the_encoder(run_with):
    data, run = splits(), run_with("lagging", critic="neural")
    model = build(run, data)
    optimizer = _optimizer(model, run.track)
    streams = Streams.of(0, data.train.device)
    stopping = Stopping(run.track, {"vae": model.vae}, optimizer)
    steps = Steps(model, data, run, streams=streams, optimizer=optimizer, stopping=stopping)
    names = {id(w): name.split(".")[0] for name, w in model.vae.named_parameters()}
    assert {names.get(id(w), "critic") for w in steps.inference()} == {
        "encoder",
        "posterior_head",
        "critic",
    }
    assert {names[id(w)] for w in steps.generative()} == {"decoder", "output"}
    for moved, still in (
        (steps.inference(), steps.generative()),
        (steps.generative(), steps.inference()),
    ):
        before = [w.clone() for w in (*moved, *still)]
        steps.descend(steps.another(), moved)
        after = [*moved, *still]
        same = [torch.equal(a, b) for a, b in zip(before, after, strict=True)]
        assert not any(same[: len(moved)])
        assert all(same[len(moved) :])


def test_the_phase_ends_at_the_first_epoch_without_more_information(batch_of):
    remedy, _ = batch_of("lagging")
    for information, aggressive in ((0.1, True), (0.4, True), (0.3, False), (0.9, False)):
        remedy.after_epoch(Watched(), {"epoch": 1.0, "validation.mi_batch": information})
        assert bool(remedy.aggressive) == aggressive


def test_patience_counts_epochs_in_a_row(batch_of):
    remedy, _ = batch_of("lagging", {"patience": 2})
    for information, aggressive in (
        (0.4, True),
        (0.3, True),
        (0.5, True),
        (0.5, True),
        (0.4, False),
    ):
        remedy.after_epoch(Watched(), {"epoch": 1.0, "validation.mi_batch": information})
        assert bool(remedy.aggressive) == aggressive


def test_an_encoder_that_does_not_lag_is_closer_to_its_decoder(run_with):
    kl = {}
    for name in ("elbo", "lagging"):
        _, progression = trained(splits(), run_with(name, epochs=12, batch_size=25))
        kl[name] = progression.curve[-1]["kl"]
    assert kl["lagging"] > kl["elbo"]
