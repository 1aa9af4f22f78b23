"""The front of a β-VAE on data where likelihood and information have closed forms."""

import json
import math
from pathlib import Path

import pytest

from fmnbench.board.frontier import Point, at_rate
from fmnbench.board.verdicts import MARGINS

PLUGIN = Path(__file__).parents[1] / "support" / "gaussian_rows.py"
VARIANCES = (4.0, 2.0, 0.3)  # of its rows, along their principal axes
NOISE, LATENT = 0.5, 2  # of the decoder below
NLL_TOLERANCE = 0.03  # nats: of 100 samples; below β = 0.5 posteriors are too narrow for so few
MI_TOLERANCE = 0.12  # nats: four standard errors of the mean over 2,000 rows
SUITE = f"""
title = "Normal rows"
citation = "a test"

[[tracks]]
name = "gaussian-linear"
dataset = "gaussian"
architecture = "linear-gaussian"
architecture_settings = {{ latent = {LATENT}, variance = {NOISE} }}
epochs = 25
batch_size = 200
learning_rate = 2e-2
precision = "float64"
validate_every = 25
nll_samples = 100
critics = ["none"]
objectives = ["elbo", "beta"]
"""


def closed_form(beta):
    """NLL and information of a linear β-VAE at its optimum, in nats.

    A β-VAE with decoder noise v has the optimum of a VAE with noise βv (Lucas et al. 2019,
    sec. 4.2): along a principal axis of variance s > βv, weight² = s − βv and posterior variance
    βv / s, so that the model's variance is s + (1 − β)v and the information ½ log(s / βv).
    """
    nll = information = 0.0
    for place, variance in enumerate(VARIANCES):
        active = place < LATENT and variance > beta * NOISE
        model = variance + (1 - beta) * NOISE if active else NOISE
        nll += 0.5 * (math.log(2 * math.pi * model) + variance / model)
        information += 0.5 * math.log(variance / (beta * NOISE)) if active else 0.0
    return nll, information


@pytest.fixture(scope="module")
def study(tmp_path_factory, exit_code):
    """Returns a study of twelve trials of β, with real runs."""
    folder = tmp_path_factory.mktemp("oracle")
    suite = folder / "normal.toml"
    suite.write_text(SUITE)
    words = ["--suite", suite, "--track", "gaussian-linear", "--critic", "none"]
    # near β = 4, where the second axis collapses, training takes for ever
    words += ["--objective", "beta", "--space", "beta=log:0.5:3", "--trials", "12"]
    words += ["--plugin", PLUGIN, "--store", folder / "results"]
    assert exit_code("tune", *words, "--jobs", "2") == 0
    path = folder / "tuning" / "gaussian-linear" / "beta" / "study.json"
    return json.loads(path.read_text())


def test_the_closed_form_is_the_plain_vae_s_optimum_at_one():
    betas = [0.5, 0.9, 1.0, 1.1, 1.5, 2.0, 3.9]
    assert min(betas, key=lambda beta: closed_form(beta)[0]) == 1.0
    informations = [closed_form(beta)[1] for beta in betas]
    assert informations == sorted(informations, reverse=True)
    assert closed_form(4.0)[1] == pytest.approx(0.5 * math.log(2))  # the second axis has collapsed


@pytest.mark.slow
def test_every_trial_of_beta_lies_on_the_closed_form_s_curve(study):
    assert [row["status"] for row in study["trials"]] == ["done"] * 12
    for row in study["trials"]:
        nll, information = closed_form(row["values"]["objective.beta"])
        assert row["metrics"]["nll"] == pytest.approx(nll, abs=NLL_TOLERANCE)
        assert row["metrics"]["mi_lower"] == pytest.approx(information, abs=MI_TOLERANCE)
    plain = study["vae"]["metrics"]
    assert plain["nll"] == pytest.approx(closed_form(1.0)[0], abs=NLL_TOLERANCE)


@pytest.mark.slow
def test_between_trials_the_nll_at_a_rate_is_the_closed_form_s(study):
    trials = [row["metrics"] for row in study["trials"]]
    points = [Point(label="", rate=(each["kl"],), nll=(each["nll"],)) for each in trials]
    for beta in (0.6, 0.8, 1.2, 1.6, 2.2):
        nll, rate = closed_form(beta)  # its aggregate posterior is the prior: rate = information
        assert at_rate(points, rate).mean == pytest.approx(nll, abs=NLL_TOLERANCE)


@pytest.mark.slow
def test_the_front_is_where_beta_is_at_most_one_and_the_choice_its_most_informed_end(study):
    betas = [row["values"]["objective.beta"] for row in study["trials"]]
    front = [betas[place] for place in study["front"]]
    # above 1 both numbers are worse; at 1.2 by 0.001 nats, which samples can hide
    assert all(beta < 1.2 for beta in front)
    assert {beta for beta in betas if beta < 0.9} <= set(front)
    assert betas[study["chosen"]] == min(betas) == 0.5
    assert study["warnings"][0].startswith("objective.beta 0.5 lies at the lower end of its range")
    assert study["margin"] == MARGINS["nll"]
