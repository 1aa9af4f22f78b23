import math

import pytest
import torch
from torch.distributions import LowRankMultivariateNormal, MultivariateNormal

from fmnbench.architectures.linear_gaussian import LinearGaussian
from fmnbench.errors import Declined
from fmnbench.rng import stream

NOISES = (0.25, 1.0, 4.0)


def model(noise, *, orthogonal=True):
    generator = stream(0, "test/weights")
    vae = LinearGaussian(6, latent=2, variance=noise).double()
    weight = torch.randn(6, 2, generator=generator, dtype=torch.float64)
    if orthogonal:
        weight = torch.linalg.qr(weight).Q * torch.tensor([2.0, 0.7])
    with torch.no_grad():
        vae.decoder.weight.copy_(weight)
        vae.decoder.bias.copy_(torch.randn(6, generator=generator, dtype=torch.float64))
    return vae


def rows():
    return 2 * torch.randn(50, 6, generator=stream(0, "test/rows"), dtype=torch.float64)


@pytest.mark.parametrize("noise", NOISES)
def test_exact_likelihood_is_that_of_the_full_covariance(noise):
    vae = model(noise, orthogonal=False)
    weight, x = vae.decoder.weight, rows()
    noises = torch.full((6,), noise, dtype=torch.float64)
    truth = LowRankMultivariateNormal(vae.decoder.bias, weight, noises).log_prob(x)
    full = MultivariateNormal(vae.decoder.bias, weight @ weight.T + torch.diag(noises)).log_prob(x)
    assert vae.exact_log_likelihood(x).tolist() == pytest.approx(truth.tolist(), rel=1e-12)
    assert vae.exact_log_likelihood(x).tolist() == pytest.approx(full.tolist(), rel=1e-10)


@pytest.mark.parametrize("noise", NOISES)
def test_exact_likelihood_in_float32_keeps_its_digits(noise):
    vae, x = model(noise, orthogonal=False).float(), rows().float()
    single, double = vae.exact_log_likelihood(x), vae.double().exact_log_likelihood(x.double())
    assert single.dtype == torch.float32
    # the parameters are the same; only the result was rounded to 24 bits
    assert single.tolist() == pytest.approx(double.tolist(), rel=2**-23)


@pytest.mark.parametrize("noise", NOISES)
def test_exact_information_is_the_entropy_of_x_less_that_of_its_noise(noise):
    vae = model(noise, orthogonal=False)
    weight, eye = vae.decoder.weight, torch.eye(6, dtype=torch.float64)
    marginal = MultivariateNormal(vae.decoder.bias, weight @ weight.T + noise * eye).entropy()
    conditional = MultivariateNormal(vae.decoder.bias, noise * eye).entropy()
    truth = (marginal - conditional).item()
    assert vae.exact_information() == pytest.approx(truth, rel=1e-10)


@pytest.mark.parametrize("noise", NOISES)
def test_adopted_posterior_obeys_bayes_rule_at_every_point(noise):
    vae, x = model(noise), rows()
    vae.adopt_exact_posterior()
    z = 3 * torch.randn(50, 2, generator=stream(0, "test/z"), dtype=torch.float64)
    joint = vae.decode(z).log_prob(x) + vae.prior.log_prob(z)
    evidence = joint - vae.encode(x).log_prob(z)  # the same at any z
    assert evidence.tolist() == pytest.approx(vae.exact_log_likelihood(x).tolist(), rel=1e-10)


def test_adopting_a_posterior_is_refused_where_it_has_correlations():
    with pytest.raises(ValueError, match="orthogonal"):
        model(1.0, orthogonal=False).adopt_exact_posterior()


def test_a_decoder_that_ignores_z_has_no_information_and_the_prior_as_posterior():
    vae = model(0.25)
    torch.nn.init.zeros_(vae.decoder.weight)
    vae.adopt_exact_posterior()
    assert vae.exact_information() == pytest.approx(0, abs=1e-15)
    assert vae.encode(rows()).kl_from_standard().abs().max().item() == 0


def test_gradients_reach_every_parameter():
    vae, x = model(0.25), rows()
    q = vae.encode(x)
    z = q.rsample(generator=stream(0, "test/noise"))
    (q.kl_from_standard().sum() - vae.decode(z).log_prob(x).sum()).backward()
    assert all(parameter.grad.abs().min() > 0 for parameter in vae.parameters())


def test_its_fresh_trunk_is_the_observation_and_it_shares_no_layers():
    vae, x = model(1.0), rows()
    trunk = vae.fresh_trunk()
    assert trunk.width == 6
    assert torch.equal(trunk.own(trunk.shared(x)), x)
    with pytest.raises(Declined, match="LinearGaussian"):
        vae.shared_trunk()


def test_one_latent_dimension_carries_half_the_log_of_one_plus_signal_over_noise():
    vae = LinearGaussian(1, latent=1, variance=0.5).double()
    torch.nn.init.constant_(vae.decoder.weight, 3.0)
    assert vae.exact_information() == pytest.approx(0.5 * math.log(1 + 9 / 0.5), rel=1e-12)
