import math

import pytest
import torch

from fmnbench.architectures.linear_gaussian import LinearGaussian
from fmnbench.datasets.base import Splits
from fmnbench.metrics import Evaluation, base, density_coverage
from fmnbench.metrics.report_protocol import batch_total_nll, spread_units
from fmnbench.registry import metrics
from fmnbench.rng import isolated, stream


@pytest.fixture(autouse=True)
def _same_initial_weights():
    with isolated(0, "test/weights"):
        yield


def value(name, of):
    return metrics.get(name)(of)


def draws(vae, rows):
    generator = stream(1, "test/data")
    with torch.no_grad():
        z = vae.prior.rsample((rows,), generator=generator)
        return vae.decode(z).sample(generator=generator)


def evaluation(vae, x, *, batch_size=256, nll_samples=100):
    splits = Splits(train=x, validation=x, test=x, kind="vectors")
    return Evaluation(vae, splits, seed=0, batch_size=batch_size, nll_samples=nll_samples)


def linear_gaussian(noise):
    vae = LinearGaussian(6, latent=2, variance=noise).double()
    weight = torch.randn(6, 2, generator=stream(0, "test/weights"), dtype=torch.float64)
    with torch.no_grad():
        vae.decoder.weight.copy_(torch.linalg.qr(weight).Q * torch.tensor([2.0, 0.7]))
        vae.decoder.bias.fill_(0.5)
    vae.adopt_exact_posterior()
    return vae


def constant(noise):
    """What the report leaves out of −log p(x|z) in six dimensions."""
    return 3 * math.log(2 * math.pi * noise)


def test_nll_of_a_batch_is_minus_the_log_of_the_mean_of_its_totals():
    totals = -torch.tensor([0.5, 0.25, 0.75], dtype=torch.float64).log()
    assert batch_total_nll(totals) == pytest.approx(-math.log(0.5), rel=1e-12)


def test_nll_of_a_batch_is_its_best_total_and_the_log_of_the_number_of_draws():
    totals = torch.tensor([5000.0, 4000.0, 6000.0, 7000.0])
    assert batch_total_nll(totals) == pytest.approx(4000 + math.log(4), rel=1e-12)


def test_report_nll_of_a_decoder_that_ignores_z_is_squared_error_plus_kl_at_half_variance():
    vae = LinearGaussian(2, latent=1, variance=0.5).double()
    with torch.no_grad():
        vae.decoder.weight.zero_()
        vae.decoder.bias.copy_(torch.tensor([1.0, 0.0]))
        vae.encoder.weight.copy_(torch.tensor([[1.0, 0.0]]))
        vae.encoder.bias.zero_()
        vae.log_variance.fill_(math.log(0.5))
    x = torch.tensor([[1.0, 0.0], [2.0, 1.0], [0.0, 3.0]], dtype=torch.float64)
    # squared errors 0, 2 and 10; KL = ½ (mean² + ½ − 1 + log 2) at means 1, 2 and 0
    truth = (12 + 0.5 * (1 + 4 + 0) + 3 * 0.5 * (math.log(2) - 0.5)) / 3
    given = value("report.nll", evaluation(vae, x, batch_size=2))
    assert given == pytest.approx(truth, rel=1e-12)


@pytest.mark.parametrize("noise", [0.25, 1.0, 4.0])
def test_report_nll_is_no_importance_weighted_nll_and_stays_above_the_exact_one(noise):
    vae = linear_gaussian(noise)
    with torch.no_grad():
        vae.encoder.bias += 0.6 * vae.log_variance.exp().sqrt()
        vae.log_variance += 0.6
    of = evaluation(vae, draws(vae, 1024), nll_samples=500)
    exact, report = value("nll_exact", of), value("report.nll", of) + constant(noise)
    # the gap of the ELBO is e^0.6 + 0.6² − 1.6 = 0.58 nats; weights close it, batch totals do not
    assert value("nll", of) == pytest.approx(exact, abs=0.02)
    assert report > exact + 0.2


@pytest.mark.parametrize("noise", [0.25, 1.0, 4.0])
def test_report_nll_bounds_nothing_as_it_falls_below_the_exact_one_too(noise):
    vae = linear_gaussian(noise)  # the exact posterior: its ELBO is the exact likelihood
    of = evaluation(vae, draws(vae, 512), batch_size=16)
    # the best of 50 sampled reconstructions, with a KL that does not pay for the choice of z
    assert value("report.nll", of) + constant(noise) < value("nll_exact", of) - 0.1


def test_report_nll_depends_on_how_rows_fall_into_batches():
    vae = linear_gaussian(1.0)
    x = draws(vae, 128)
    single, whole = (value("report.nll", evaluation(vae, x, batch_size=size)) for size in (1, 128))
    assert single < whole - 0.05  # 50 draws help one row far more than 128 at once


@pytest.mark.parametrize("name", ["nll", "report.nll"])
@pytest.mark.parametrize("values", [1, 7 * 32 * 6])
def test_how_many_samples_are_decoded_together_moves_no_likelihood(monkeypatch, name, values):
    vae = linear_gaussian(1.0)
    of = evaluation(vae, draws(vae, 64), batch_size=32)
    whole = value(name, of)
    monkeypatch.setitem(base.VALUES, "cpu", values)  # one sample at a time, seven, or all
    assert value(name, evaluation(vae, of.x, batch_size=32)) == pytest.approx(whole, rel=1e-12)


def test_report_information_is_the_minibatch_estimate():
    vae = linear_gaussian(1.0)
    of = evaluation(vae, draws(vae, 600))
    assert value("report.mi", of) == value("mi_batch", of)


def test_spread_units_are_columns_whose_sample_deviation_is_above_a_tenth():
    signs = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    # two rows ±a have a sample deviation of √2 a and a population deviation of a
    columns = signs * torch.tensor([0.0, 0.07, 0.08, 5.0], dtype=torch.float64)
    assert spread_units(columns) == 2


def test_report_counts_every_unit_of_a_collapsed_posterior_and_the_standard_none():
    vae = LinearGaussian(6, latent=4).double()
    torch.nn.init.zeros_(vae.decoder.weight)
    vae.adopt_exact_posterior()
    of = evaluation(vae, draws(vae, 500))
    assert value("report.au", of) == 4
    assert value("au", of) == 0


def test_report_rewards_a_collapsed_encoder_with_perfect_density_and_coverage():
    vae = LinearGaussian(6, latent=4).double()
    torch.nn.init.zeros_(vae.decoder.weight)
    vae.adopt_exact_posterior()
    of = evaluation(vae, 10 + draws(vae, 3000))  # data that the decoder never makes
    # two samples of N(0, I): Naeem et al. 2020, sec. 3.3; five deviations, measured over seeds
    assert value("report.density", of) == pytest.approx(1, abs=0.055)
    assert value("report.coverage", of) == pytest.approx(1 - 2**-5, abs=0.02)
    assert value("coverage", of) == 0


def test_report_re_encodes_the_decoders_mean_and_not_a_draw():
    vae = LinearGaussian(2, latent=2, variance=100.0).double()
    with torch.no_grad():
        for layer in (vae.encoder, vae.decoder):
            layer.weight.copy_(torch.eye(2))
            layer.bias.zero_()
        vae.log_variance.fill_(-20.0)
    x = torch.randn(2000, 2, generator=stream(1, "test/x"), dtype=torch.float64)
    of = evaluation(vae, x)
    # codes are x ~ N(0, I) and prior samples; draws would come with a deviation of 10
    assert value("report.density", of) == pytest.approx(1, abs=0.1)
    assert density_coverage(of.z, of.generated)[0] < 0.1


def test_report_density_and_coverage_are_those_of_the_encoded_rows():
    vae = linear_gaussian(1.0)
    of = evaluation(vae, draws(vae, 500))
    generator = of.stream("report.density")
    generated = of.vae.encode(of.generated_mean).rsample(generator=generator)
    truth = density_coverage(of.z, generated)
    assert (value("report.density", of), value("report.coverage", of)) == truth
