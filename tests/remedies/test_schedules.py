"""Remedies that weigh the KL term by the progress of training."""

import pytest
import torch

from fmnbench.remedies import Progress
from fmnbench.remedies.cyclical import Cyclical


@pytest.mark.parametrize(
    ("epoch", "weight"), [(0.0, 0.1), (2.5, 0.325), (5.0, 0.55), (10.0, 1.0), (17.0, 1.0)]
)
def test_annealing_rises_from_its_start_to_one_in_its_epochs(batch_of, epoch, weight):
    remedy, batch = batch_of("annealing", {"start": 0.1, "warmup": 10.0}, epoch=epoch)
    expected = batch.reconstruction + weight * batch.kl.sum(1)
    assert torch.allclose(remedy.loss(batch), expected)


@pytest.mark.parametrize(
    ("epoch", "weight"),
    # two cycles of 10 epochs; a ramp of 4 epochs, 6 at 1
    [
        (0, 0.0),
        (1, 0.25),
        (3, 0.75),
        (4, 1.0),
        (9, 1.0),
        (10, 0.0),
        (12, 0.5),
        (19, 1.0),
        (20, 1.0),
    ],
)
def test_cyclical_annealing_starts_anew_with_each_cycle_and_ends_at_one(epoch, weight):
    remedy = Cyclical(cycles=2, ramp=0.4)
    progress = Progress(step=0, epoch=float(epoch), epochs=20, rows=1)
    assert remedy.weight(progress) == pytest.approx(weight)


def test_a_ramp_of_nothing_is_the_plain_bound(batch_of):
    remedy, batch = batch_of("cyclical", {"ramp": 0.0}, epoch=0.3, epochs=4)
    assert torch.equal(remedy.loss(batch), batch.reconstruction + batch.kl.sum(1))
