"""Remedies that name a rate or a distortion reach it."""

import math

import pytest
import torch

LONG = {"epochs": 150, "batch_size": 25, "learning_rate": 1e-2, "validate_every": 150}


def late(curve, name):
    """The mean of a term over the last twenty epochs: multipliers turn around their constraint."""
    return sum(entry[name] for entry in curve[-20:]) / 20


def test_a_least_rate_is_reached_where_the_plain_vae_stays_below_it(trained_with):
    _, plain = trained_with("elbo", **LONG)
    _, curve = trained_with("mdr", {"rate": 2.5, "multiplier_rate": 4e-3}, **LONG)
    assert late(plain, "kl") < 1.8
    assert late(curve, "kl") == pytest.approx(2.5, abs=0.3)


def test_the_multiplier_rises_below_the_rate_and_falls_above_it(batch_of):
    remedy, _ = batch_of("mdr", {"rate": 3.0, "multiplier": 0.5, "multiplier_rate": 0.1})
    remedy._ascend(torch.tensor(1.0))
    above = remedy.multiplier.item()
    assert above == pytest.approx(0.5 + 0.1 / math.sqrt(0.01))  # RMSprop's first step
    remedy._ascend(torch.tensor(9.0))
    assert remedy.multiplier.item() < above


def test_a_reconstruction_that_is_asked_for_is_reached(trained_with):
    settings = {"reconstruction": 6.5, "multiplier_rate": 0.02, "memory": 0.0}
    _, curve = trained_with("geco", settings, **LONG)
    assert late(curve, "reconstruction") == pytest.approx(6.5, abs=0.3)  # 7.6 of the plain VAE


def test_a_target_of_the_kl_is_reached(trained_with):
    _, curve = trained_with("capacity", {"target": 3.0, "beta": 10.0}, **LONG)
    assert late(curve, "kl") == pytest.approx(3.0, abs=0.3)
