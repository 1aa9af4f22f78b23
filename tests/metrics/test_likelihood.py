import math

import pytest
import torch
from torch import distributions

from fmnbench.architectures.linear_gaussian import LinearGaussian
from fmnbench.architectures.mlp import MLP
from fmnbench.datasets.base import Splits
from fmnbench.errors import Declined
from fmnbench.metrics import Evaluation, importance_weighted_nll
from fmnbench.registry import metrics
from fmnbench.rng import stream

NOISES = (0.25, 1.0, 4.0)


def evaluation(noise, *, off=0.0, rows=2048, nll_samples=100, seed=0):
    """A linear-Gaussian VAE on its own draws; `off` moves its posterior from the exact one."""
    vae = LinearGaussian(6, latent=2, variance=noise).double()
    weight = torch.randn(6, 2, generator=stream(0, "test/weights"), dtype=torch.float64)
    with torch.no_grad():
        vae.decoder.weight.copy_(torch.linalg.qr(weight).Q * torch.tensor([2.0, 0.7]))
        vae.decoder.bias.fill_(0.5)
        vae.adopt_exact_posterior()
        vae.encoder.bias += off * vae.log_variance.exp().sqrt()  # in posterior deviations
        vae.log_variance += off
    generator = stream(1, "test/data")
    z = vae.prior.rsample((rows,), generator=generator)
    x = vae.decode(z).sample(generator=generator)
    splits = Splits(train=x, validation=x, test=x, kind="vectors")
    return Evaluation(vae, splits, seed=seed, batch_size=256, nll_samples=nll_samples)


def value(name, of):
    return metrics.get(name)(of)


def test_importance_weighted_nll_is_minus_the_log_of_the_mean_weight():
    weights = torch.tensor([[0.5, 3.0], [0.25, 1.0]], dtype=torch.float64)
    assert importance_weighted_nll(weights.log()).tolist() == pytest.approx(
        [-math.log(0.375), -math.log(2.0)], rel=1e-12
    )


def test_importance_weighted_nll_survives_weights_beyond_the_range_of_floats():
    log_weights = torch.tensor([[-2000.0], [-2001.0]], dtype=torch.float64)
    truth = 2000 + math.log(2) - math.log1p(math.exp(-1))
    assert importance_weighted_nll(log_weights).item() == pytest.approx(truth, rel=1e-12)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_importance_weighted_nll_refuses_weights_that_are_no_numbers(value):
    log_weights = torch.zeros(4, 3)
    log_weights[2, 1] = value
    with pytest.raises(ValueError, match="1 of 3 rows have no finite importance weights"):
        importance_weighted_nll(log_weights)


def test_a_weight_may_be_zero_but_not_all_of_a_row():
    log_weights = torch.tensor([[-math.inf, -math.inf], [0.0, -math.inf]])
    assert importance_weighted_nll(log_weights[:, :1]).item() == pytest.approx(math.log(2))
    with pytest.raises(ValueError, match="1 of 2 rows have no finite importance weights"):
        importance_weighted_nll(log_weights)


@pytest.mark.parametrize("log_variance", [-40.0, -90.0])
def test_nll_of_a_posterior_that_rounds_its_samples_away_is_that_of_its_noise(log_variance):
    of = evaluation(1.0, rows=64, nll_samples=20)
    of.splits = of.splits.to(torch.device("cpu"), torch.float32)
    with torch.no_grad():
        of.vae.float().log_variance.fill_(log_variance)
    noise = of.posterior.noise((20,), generator=of.stream("nll")).double()
    z = of.posterior.mean.double()  # of every sample, in float32
    p = distributions.Normal(of.vae.double().decoder(z), 1.0).log_prob(of.x.double()).sum(1)
    prior = distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
    posterior = -0.5 * (noise.square() + log_variance + math.log(2 * math.pi)).sum(2)
    truth = importance_weighted_nll(p + prior - posterior).mean().item()
    of.vae.float()
    # float32 sums near 100 nats
    assert value("nll", of) == pytest.approx(truth, abs=1e-4)


@pytest.mark.parametrize("noise", NOISES)
def test_nll_of_the_exact_posterior_is_the_exact_nll(noise):
    of = evaluation(noise, nll_samples=3)
    # every weight equals p(x): no sampling error is left
    assert value("nll", of) == pytest.approx(value("nll_exact", of), rel=1e-12)


@pytest.mark.parametrize("noise", NOISES)
def test_nll_of_an_inexact_posterior_comes_within_a_hundredth_at_a_hundred_samples(noise):
    of = evaluation(noise, off=0.3, nll_samples=100)
    # weights have a variance near 0.35: a bias of 0.35 / 200, an error of 0.6 / √(100 · 2048)
    assert value("nll", of) == pytest.approx(value("nll_exact", of), abs=0.01)
    assert value("nll", of) != value("nll_exact", of)


@pytest.mark.parametrize("noise", NOISES)
def test_nll_decreases_with_the_number_of_samples_and_stays_above_the_truth(noise):
    ones, tens, hundreds = (
        value("nll", evaluation(noise, off=0.6, nll_samples=samples)) for samples in (1, 10, 100)
    )
    truth = value("nll_exact", evaluation(noise, off=0.6))
    # steps of 0.1 and more, against standard errors near 0.02 at one sample
    assert ones - 0.1 > tens
    assert tens - 0.02 > hundreds
    assert hundreds > truth


@pytest.mark.parametrize("noise", NOISES)
def test_nll_with_one_sample_is_minus_the_elbo(noise):
    of = evaluation(noise, off=0.6, nll_samples=1, rows=8192)
    # two independent samples of log p(x, z) − log q(z|x), deviation 2 in all: 4 standard errors
    assert value("nll", of) == pytest.approx(-value("elbo", of), abs=4 * 2 / math.sqrt(8192))


def test_nll_is_the_same_from_streamed_blocks_as_from_all_weights_at_once():
    of = evaluation(1.0, off=0.6, rows=40, nll_samples=1000)  # 1,000 samples pass in two blocks
    q, generator = of.posterior, of.stream("nll")
    parts = [q.rsample((samples,), generator=generator) for samples in (546, 454)]
    z = torch.cat(parts)
    p = distributions.MultivariateNormal(of.vae.decoder(z), torch.eye(6).double())
    prior = distributions.Normal(0.0, 1.0).log_prob(z).sum(2)
    posterior = distributions.Normal(q.mean, q.variance.sqrt()).log_prob(z).sum(2)
    weights = p.log_prob(of.x) + prior - posterior
    truth = importance_weighted_nll(weights).mean().item()
    assert value("nll", of) == pytest.approx(truth, rel=1e-12)


@pytest.mark.parametrize("noise", NOISES)
def test_elbo_of_the_exact_posterior_is_the_exact_log_likelihood(noise):
    of = evaluation(noise, rows=8192)
    # closed-form KL with a sampled reconstruction: deviation below √2, 4 standard errors
    assert value("elbo", of) == pytest.approx(-value("nll_exact", of), abs=4 * 1.5 / 90)


@pytest.mark.parametrize("noise", NOISES)
def test_kl_is_that_of_torch_distributions(noise):
    of = evaluation(noise, off=0.6)
    q = distributions.Normal(of.posterior.mean, of.posterior.variance.sqrt())
    truth = distributions.kl_divergence(q, distributions.Normal(0.0, 1.0)).sum(1).mean()
    assert value("kl", of) == pytest.approx(truth.item(), rel=1e-12)


@pytest.mark.parametrize("noise", NOISES)
def test_kl_of_the_exact_posterior_averages_to_the_exact_information(noise):
    of = evaluation(noise, rows=8192)
    # posterior means vary as N(0, 1 − v): KL has a deviation of at most 1, 4 standard errors
    assert value("kl", of) == pytest.approx(of.vae.exact_information(), abs=4 / math.sqrt(8192))


def test_elbo_is_minus_reconstruction_minus_kl():
    of = evaluation(0.25, off=0.6)
    total = value("reconstruction", of) + value("kl", of)
    assert value("elbo", of) == pytest.approx(-total, rel=1e-12)


def test_reconstruction_keeps_the_constant_of_the_gaussian():
    of = evaluation(0.25, rows=8192)
    truth = distributions.Normal(of.vae.decoder(of.z), 0.5).log_prob(of.x).sum(1).mean()
    assert value("reconstruction", of) == pytest.approx(-truth.item(), rel=1e-12)


@pytest.mark.parametrize("noise", NOISES)
def test_reconstruction_at_prior_is_the_constant_and_the_spread_of_data_and_of_means(noise):
    of = evaluation(noise, rows=8192)
    weight = of.vae.decoder.weight.detach()
    e = of.x - 0.5  # the decoder's bias
    squares = e.square().sum(1) + weight.square().sum()  # the mean of |e − W z|² over z ~ p(z)
    truth = 3 * math.log(2 * math.pi * noise) + squares.mean().item() / (2 * noise)
    # columns of W are orthogonal: the variance of |e − W z|² is 4 |Wᵀe|² + 2 Σ |w|⁴
    spread = 4 * (e @ weight).square().sum(1) + 2 * weight.square().sum(0).square().sum()
    error = spread.mean().sqrt().item() / (2 * noise) / math.sqrt(8192)
    assert value("reconstruction_at_prior", of) == pytest.approx(truth, abs=4 * error)
    assert 4 * error < 0.1 * (truth - value("nll_exact", of))


def test_reconstruction_at_prior_is_that_at_the_posterior_of_a_decoder_that_ignores_z():
    of = evaluation(1.0)
    torch.nn.init.zeros_(of.vae.decoder.weight)
    at_posterior = value("reconstruction", of)
    assert value("reconstruction_at_prior", of) == pytest.approx(at_posterior, rel=1e-12)


def test_every_likelihood_metric_in_float32_agrees_with_float64():
    double, single = evaluation(0.25, off=0.3), evaluation(0.25, off=0.3)
    single.vae.float()
    single.splits = single.splits.to(torch.device("cpu"), torch.float32)
    for name in ("nll", "elbo", "reconstruction", "kl", "nll_exact"):
        given = value(name, single)
        assert isinstance(given, float)
        # other draws of the noise, so within the standard errors above
        assert given == pytest.approx(value(name, double), abs=0.1)


def test_exact_nll_is_declined_by_an_architecture_without_one():
    x = torch.zeros(8, 6)
    splits = Splits(train=x, validation=x, test=x, kind="vectors")
    of = Evaluation(MLP(6), splits, seed=0, batch_size=4, nll_samples=5)
    with pytest.raises(Declined, match="closed-form"):
        value("nll_exact", of)


def test_the_seed_moves_the_estimate_and_repeats_it():
    first, again, other = (value("nll", evaluation(1.0, off=0.6, seed=seed)) for seed in (3, 3, 4))
    assert first == again
    assert first != other
