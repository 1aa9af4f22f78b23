"""Remedies on a linear VAE, where rate, likelihood and active dimensions have closed forms."""

import dataclasses
import math

import pytest
import torch
from spectrum import closed_form
from tiny_runs import trained

from fmnbench.datasets.linear_spectrum import EIGENVALUES, LinearSpectrum
from fmnbench.metrics import active_units
from fmnbench.planning.plan import resolve
from fmnbench.planning.suite_file import load_suite

NLL_TOLERANCE = 0.05  # nats: eigenvalues of 8,000 training rows, and what training has left
RATE_TOLERANCE = 0.2  # nats: Adam at this rate keeps weights some per cent off their optimum


@pytest.fixture(scope="module")
def fitted():
    """Returns a function: a remedy with settings to the linear VAE of the quick suite with it."""
    comparisons = load_suite("quick").comparisons
    (comparison,) = [each for each in comparisons if each.track.name == "linear-spectrum"]
    track = dataclasses.replace(comparison.track, validate_every=comparison.track.epochs)
    plain = next(iter(comparison.tasks()))
    splits = LinearSpectrum().load()
    known = {}

    def fit(remedy, **settings):
        key = remedy, tuple(settings.items())
        if key not in known:
            row = dataclasses.replace(
                plain, track=track, objective=remedy, objective_settings=settings
            )
            known[key] = trained(splits, resolve(row, 0))[0].vae
        vae = known[key]
        nll = -vae.exact_log_likelihood(splits.test).mean().item()
        q = vae.encode(splits.train)
        return nll, q.kl_from_standard().sum(1).mean().item(), int(active_units(q.mean))

    return fit


def test_the_rows_have_the_spectrum():
    rows = LinearSpectrum(rows=100_000).load().train
    found = torch.linalg.eigvalsh(rows.T.cov()).flip(0)
    # an eigenvalue of a sample of n rows has a relative error of √(2 / n)
    assert found.tolist() == pytest.approx(EIGENVALUES, rel=4 * math.sqrt(2 / len(rows)))


@pytest.mark.parametrize("beta", [0.4, 2.0])
def test_a_beta_vae_uses_the_dimensions_above_beta_times_the_noise(fitted, beta):
    nll, rate, active = fitted("beta", beta=beta)
    expected_nll, expected_rate, expected_active = closed_form(beta)
    assert active == expected_active == sum(s > beta for s in EIGENVALUES[:8])
    assert nll == pytest.approx(expected_nll, abs=NLL_TOLERANCE)
    assert rate == pytest.approx(expected_rate, abs=RATE_TOLERANCE)
