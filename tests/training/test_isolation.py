"""What a component draws from the global generator moves no number but its own."""

import dataclasses

import pytest
import torch
from tiny_runs import rows, spec, splits, trained, weights
from torch import nn

from fmnbench.architectures.mlp import MLP
from fmnbench.critics.base import Critic
from fmnbench.objectives import Objective
from fmnbench.registry import architectures, critics, metrics, objectives
from fmnbench.runs.evaluation import Clock, evaluate


class Dropping(MLP):
    """An mlp with dropout: it draws from the global generator in each step of training."""

    def __init__(self, width):
        super().__init__(width, hidden=(16, 12), latent=3)
        self.dropout = nn.Dropout(0.5)

    def decode(self, z):
        return super().decode(self.dropout(z))


class Drawing(Critic):
    """Draws, and in one of its forms starts the global generator anew; its loss is 0."""

    def __init__(self, vae, *, restarts: bool = False):
        super().__init__(vae)
        self.restarts = restarts
        self.drawn = []

    def forward(self, x, z, q):
        if self.restarts:
            torch.manual_seed(0)
        self.drawn.append(torch.rand(()).item())
        return z.sum() * 0


class DrawingObjective(Objective):
    def forward(self, reconstruction, kl, progress):
        torch.rand(5)
        return reconstruction + kl.sum(1)


@pytest.fixture
def plain(registers):
    architectures.register("dropping")(Dropping)
    critics.register("drawing")(Drawing)
    objectives.register("drawing")(DrawingObjective)
    return spec(architecture="dropping", architecture_settings={}, epochs=3)


def numbers(data, run):
    model, progression = trained(data, run)
    return weights(model.vae), progression.curve, model


@pytest.mark.parametrize(
    "change",
    [
        {"critic": "drawing", "critic_settings": {"restarts": False}},
        {"critic": "drawing", "critic_settings": {"restarts": True}},
        {"objective": "drawing"},
    ],
)
def test_a_critic_or_objective_that_draws_leaves_the_dropout_of_the_vae(plain, change):
    data = splits()
    expected, curve, _ = numbers(data, plain)
    given, with_draws, _ = numbers(data, dataclasses.replace(plain, **change))
    assert torch.equal(given, expected)
    assert with_draws == curve


def test_a_critic_draws_other_numbers_in_each_step_and_the_same_in_a_repeated_run(plain):
    run = dataclasses.replace(plain, critic="drawing", critic_settings={"restarts": False})
    first, again = (numbers(splits(), run)[2].critic.drawn for _ in range(2))
    assert first == again
    assert len(set(first)) == len(first) == 3 * (4 + 2)  # batches of training and validation


def test_validation_moves_no_number_of_training(plain):
    data = splits()
    seldom = dataclasses.replace(plain.track, validate_every=3)
    expected, curve, _ = numbers(data, dataclasses.replace(plain, track=seldom))
    given, validated, _ = numbers(data, plain)
    assert torch.equal(given, expected)
    terms = ("loss", "kl", "reconstruction")
    assert [[entry[term] for term in terms] for entry in validated] == [
        [entry[term] for term in terms] for entry in curve
    ]


def test_a_metric_that_draws_moves_no_other_and_is_the_same_whatever_stands_beside_it(plain):
    data = dataclasses.replace(splits(), test=rows(20, "test"))
    model, _ = trained(data, plain)
    before = evaluate(model.vae, data, plain, Clock()).values
    metrics.register("a.drawing")(lambda evaluation: torch.rand(()).item())
    metrics.register("z.drawing")(lambda evaluation: torch.rand(()).item())
    both = evaluate(model.vae, data, plain, Clock()).values
    first, last = both.pop("a.drawing"), both.pop("z.drawing")
    assert both == before
    assert first != last
    del metrics._entries["a.drawing"]
    torch.rand(7)
    assert evaluate(model.vae, data, plain, Clock()).values == before | {"z.drawing": last}
