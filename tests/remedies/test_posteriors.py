"""Remedies that change the posterior keep what they promise."""

import pytest
import torch
from tiny_runs import splits
from torch.distributions import Normal, kl_divergence

from fmnbench.remedies.delta import deviations


@pytest.mark.parametrize("gamma", [0.5, 1.0])
def test_normalised_means_keep_the_kl_above_half_d_gamma_squared(trained_with, gamma):
    model, curve = trained_with("bn", {"gamma": gamma}, epochs=40)
    floor = 3 * gamma**2 / 2
    assert all(entry["kl"] > floor for entry in curve)
    model.train(True)
    q = model.vae.encode(splits().train)
    # the deviation over the batch is γ but for the ε of batch normalisation
    assert q.mean.std(0, unbiased=False).tolist() == pytest.approx([gamma] * 3, rel=0.05)


def test_normalised_means_use_running_statistics_at_test(trained_with):
    model, _ = trained_with("bn", epochs=40)
    model.train(False)
    x = splits().test
    whole = model.vae.encode(x).mean
    assert torch.allclose(whole[:1], model.vae.encode(x[:1]).mean, atol=1e-6)
    assert model.vae.running_variance.tolist() != [1.0, 1.0, 1.0]


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.5])
def test_both_deviations_have_the_rate_at_mean_zero(rate):
    low, high = deviations(rate)
    assert low < 1 < high
    for deviation in (low, high):
        kl = kl_divergence(Normal(0.0, deviation), Normal(0.0, 1.0)).item()
        assert kl == pytest.approx(rate, rel=1e-5)


def test_the_deviations_at_a_rate_of_a_tenth_are_those_of_the_published_code():
    assert deviations(0.1) == pytest.approx((0.702, 1.331), abs=1e-3)


def test_the_kl_of_a_delta_vae_is_its_floor_where_z_is_of_no_use(trained_with):
    data = splits()
    _, curve = trained_with(
        "delta", {"rate": 0.2}, data=data, epochs=60, critic="none", batch_size=50
    )
    assert all(entry["kl"] >= 3 * 0.2 - 1e-4 for entry in curve)
