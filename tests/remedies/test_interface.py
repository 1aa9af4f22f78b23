"""What the loop lends to a remedy, and what it refuses."""

import pytest
import torch
from tiny_runs import spec, splits, trained, weights

from fmnbench.errors import ComponentError, UsageError
from fmnbench.objectives import Objective
from fmnbench.registry import objectives, remedies
from fmnbench.remedies import Remedy
from fmnbench.testing import check_remedy


class OneNumber(Remedy):
    def loss(self, batch):
        return batch.reconstruction.mean()


class MovesWeights(Remedy):
    def loss(self, batch):
        with torch.no_grad():
            next(batch.vae.parameters()).mul_(0.5)
        return batch.reconstruction


class Draws(Remedy):
    def loss(self, batch):
        return batch.reconstruction * torch.rand(())


class Remembers(Remedy):
    """Its loss depends on how often it was asked, which no checkpoint saves."""

    asked = 0

    def loss(self, batch):
        return batch.reconstruction + batch.kl.sum(1) / self.asked

    def step(self, training, x):
        self.asked += 1
        return super().step(training, x)


class Forward(Objective):
    def forward(self, reconstruction, kl, progress):
        return reconstruction + 2 * kl.sum(1)


@pytest.mark.parametrize(
    ("remedy", "complaint"),
    [
        (OneNumber, r"OneNumber of test_interface.py returned shape \(\); .* each of the 16 rows"),
        (MovesWeights, "MovesWeights of test_interface.py changes weights in `loss`"),
    ],
)
def test_a_loss_that_is_none_is_named_at_run_time(remedy, complaint, registers, run_with):
    remedies.register("wrong")(remedy)
    with pytest.raises(ComponentError, match=complaint):
        trained(splits(), run_with("wrong"))


@pytest.mark.parametrize(
    ("remedy", "complaint"),
    [
        (MovesWeights, "changes vae.encoder.0.weight in `loss`"),
        (Draws, "draws from the global generator"),
    ],
)
def test_the_contract_tells_what_is_wrong(remedy, complaint, registers):
    remedies.register("wrong")(remedy)
    with pytest.raises(AssertionError, match=complaint):
        check_remedy("wrong")


def test_the_contract_refuses_state_that_no_checkpoint_saves(registers):
    class Counts(Remembers):
        asked = 1

    remedies.register("wrong")(Counts)
    with pytest.raises(AssertionError, match="does not resume bit for bit"):
        check_remedy("wrong")


def test_a_plug_in_that_only_weighs_the_two_terms_works_under_the_older_names(registers, run_with):
    objectives.register("twice")(Forward)
    twice, _ = trained(splits(), run_with("twice"))
    beta, _ = trained(splits(), run_with("beta", {"beta": 2.0}))
    assert torch.equal(weights(twice.vae), weights(beta.vae))


def test_another_batch_leaves_the_order_and_the_noise_of_the_epochs_as_they_are(
    registers, run_with
):
    class Peeks(Remedy):
        def step(self, training, x):
            assert training.another().x.shape[1] == x.shape[1]
            return super().step(training, x)

    remedies.register("peeks")(Peeks)
    peeking, _ = trained(splits(grey=True), run_with("peeks"))
    plain, _ = trained(splits(grey=True), spec())
    assert torch.equal(weights(peeking), weights(plain))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("annealing", {"start": 1.5}),
        ("free-bits", {"target": -1.0}),
        ("free-bits", {"per": "column"}),
        ("delta", {"rate": 0.0}),
        ("iwae", {"samples": 0}),
        ("infovae", {"alpha": 0.2, "scale": 0.5}),
    ],
)
def test_a_setting_out_of_its_range_is_refused(name, settings):
    with pytest.raises(UsageError, match=" is "):
        remedies.get(name)(**remedies.fill(name, settings))
