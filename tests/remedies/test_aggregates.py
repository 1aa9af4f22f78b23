"""Terms on the batch's posteriors together: against closed forms and loops."""

import math

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from fmnbench.nn.distributions import DiagonalNormal
from fmnbench.remedies.density_gap import aggregate_kl
from fmnbench.remedies.infovae import maximum_mean_discrepancy
from fmnbench.remedies.mae import pairwise_kl
from fmnbench.rng import stream


def normal(*shape, purpose="rows"):
    return torch.empty(*shape, dtype=torch.float64).normal_(generator=stream(0, purpose))


def test_pairwise_kl_is_that_of_torch():
    q = DiagonalNormal(normal(5, 3), 0.5 * normal(5, 3, purpose="variance"))
    found = pairwise_kl(q)
    each = [Independent(Normal(q.mean[i], q.variance[i].sqrt()), 1) for i in range(5)]
    for i in range(5):
        for j in range(5):
            assert found[i, j] == pytest.approx(kl_divergence(each[i], each[j]).item(), abs=1e-9)


def test_the_kl_of_the_aggregate_is_zero_for_posteriors_that_are_the_prior():
    q = DiagonalNormal(torch.zeros(40, 2), torch.zeros(40, 2))
    assert aggregate_kl(normal(40, 2).float(), q).abs().max() < 1e-5


def test_the_kl_of_one_posterior_is_its_own():
    mean, log_variance = torch.full((4000, 1), 1.5), torch.full((4000, 1), -1.0)
    q = DiagonalNormal(mean, log_variance)
    z = q.at(normal(4000, 1).float())
    exact = q.kl_from_standard()[0, 0].item()
    # a mean of 4,000 terms with a deviation below 2 nats
    assert aggregate_kl(z[:, :1], q).item() == pytest.approx(exact, abs=4 * 2 / math.sqrt(4000))


def test_the_discrepancy_is_zero_in_expectation_for_one_distribution_and_grows_with_a_shift():
    draws = [
        maximum_mean_discrepancy(normal(64, 3, purpose=f"a{k}"), normal(64, 3, purpose=f"b{k}"))
        for k in range(40)
    ]
    mean = torch.stack(draws).mean()
    error = torch.stack(draws).std() / math.sqrt(40)
    assert abs(mean) < 4 * error
    a, b = normal(64, 3), normal(64, 3, purpose="b")
    far, farther = (maximum_mean_discrepancy(a, b + shift).item() for shift in (0.5, 1.0))
    assert 10 * error < far < farther


def test_one_row_has_no_discrepancy():
    assert maximum_mean_discrepancy(normal(1, 3), normal(1, 3, purpose="b")) == 0
