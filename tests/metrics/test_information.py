import math

import pytest
import torch
from torch.distributions import Independent, Normal

from fmnbench.architectures.linear_gaussian import LinearGaussian
from fmnbench.datasets.base import Splits
from fmnbench.metrics import (
    Evaluation,
    minibatch_mutual_information,
    mutual_information_bounds,
)
from fmnbench.registry import metrics
from fmnbench.rng import stream

NOISES = (0.25, 1.0, 4.0)


def posteriors(rows, *, latent=3, overlap=1.0, dtype=torch.float64):
    """Random posteriors of different widths, with one sample each."""
    generator = stream(0, "test/posteriors")
    mean = torch.randn(rows, latent, generator=generator, dtype=dtype)
    log_variance = 0.7 * torch.randn(rows, latent, generator=generator, dtype=dtype)
    log_variance += math.log(overlap)
    noise = torch.randn(rows, latent, generator=generator, dtype=dtype)
    return mean + torch.exp(0.5 * log_variance) * noise, mean, log_variance


def log_densities(z, mean, log_variance):
    # scores[i, j] = log q(z_i | x_j), one normal distribution at a time
    q = Independent(Normal(mean, log_variance.exp().sqrt()), 1)
    return torch.stack([q.log_prob(row) for row in z])


def linear_gaussian(noise, rows):
    vae = LinearGaussian(6, latent=2, variance=noise).double()
    weight = torch.randn(6, 2, generator=stream(0, "test/weights"), dtype=torch.float64)
    with torch.no_grad():
        vae.decoder.weight.copy_(torch.linalg.qr(weight).Q * torch.tensor([2.0, 0.7]))
        vae.decoder.bias.fill_(0.5)
    vae.adopt_exact_posterior()
    generator = stream(1, "test/data")
    z = vae.prior.rsample((rows,), generator=generator)
    x = vae.decode(z).sample(generator=generator)
    splits = Splits(train=x, validation=x, test=x, kind="vectors")
    return Evaluation(vae, splits, seed=0, batch_size=512, nll_samples=1)


def test_bounds_are_those_of_the_written_out_mixtures():
    z, mean, log_variance = posteriors(1500)  # in three blocks, the last one short
    scores = log_densities(z, mean, log_variance)
    own = scores.diagonal()
    others = scores.clone().fill_diagonal_(-math.inf)
    lower = (own - scores.logsumexp(1) + math.log(1500)).mean().item()
    upper = (own - others.logsumexp(1) + math.log(1499)).mean().item()
    given = mutual_information_bounds(z, mean, log_variance)
    assert given == pytest.approx((lower, upper), rel=1e-10)


def test_bounds_in_float32_keep_their_digits():
    z, mean, log_variance = posteriors(300, dtype=torch.float32)
    doubles = mutual_information_bounds(z.double(), mean.double(), log_variance.double())
    assert mutual_information_bounds(z, mean, log_variance) == pytest.approx(doubles, rel=1e-5)


def test_bounds_do_not_depend_on_the_order_of_rows():
    rows = posteriors(200)
    order = torch.randperm(200, generator=stream(0, "test/order"))
    shuffled = mutual_information_bounds(*(part[order] for part in rows))
    assert shuffled == pytest.approx(mutual_information_bounds(*rows), rel=1e-12)


@pytest.mark.parametrize("noise", NOISES)
def test_bounds_hold_the_capacity_of_a_gaussian_channel_between_them(noise):
    signal, n = 3.0, 8192
    generator = stream(0, "test/channel")
    mean = math.sqrt(signal) * torch.randn(n, 1, generator=generator, dtype=torch.float64)
    z = mean + math.sqrt(noise) * torch.randn(n, 1, generator=generator, dtype=torch.float64)
    log_variance = torch.full_like(mean, math.log(noise))
    lower, upper = mutual_information_bounds(z, mean, log_variance)
    truth = 0.5 * math.log(1 + signal / noise)
    # log q(z|x) / q(z) has a deviation of √(signal / (signal + noise)) < 1: 3 standard errors
    error = 3 * math.sqrt(signal / (signal + noise) / n)
    assert lower - error < truth < upper + error
    assert lower < upper < lower + 0.01  # its width shrinks as e^I / n


@pytest.mark.parametrize("noise", NOISES)
def test_bounds_hold_the_exact_information_of_the_linear_gaussian_vae(noise):
    evaluation = linear_gaussian(noise, 8192)
    truth = evaluation.vae.exact_information()
    lower, upper = (metrics.get(name)(evaluation) for name in ("mi_lower", "mi_upper"))
    error = 3 * math.sqrt(2 / 8192)  # a deviation below 1 for each of two dimensions
    assert lower - error < truth < upper + error
    assert lower < upper < lower + 0.02


def test_information_is_zero_when_the_posterior_ignores_x():
    z, mean, log_variance = posteriors(256)
    same = (mean[:1].expand_as(mean), log_variance[:1].expand_as(mean))
    assert mutual_information_bounds(z, *same) == pytest.approx((0, 0), abs=1e-9)


def test_information_is_log_n_when_posteriors_do_not_overlap():
    n = 64
    z, mean, log_variance = posteriors(n)
    apart = 1e3 * torch.arange(n, dtype=torch.float64)[:, None]
    lower, upper = mutual_information_bounds(z + apart, mean + apart, log_variance)
    assert lower == pytest.approx(math.log(n), rel=1e-12)
    assert upper > 1e3  # without the row itself nothing explains it


def sharp(log_variance, dtype, n=64):
    """Posteriors of distinct rows, so sharp that samples are rounded, and their noise."""
    mean = torch.randn(n, 3, generator=stream(0, "test/means"), dtype=torch.float64).to(dtype)
    log_variance = torch.full_like(mean, log_variance)
    noise = torch.randn(n, 3, generator=stream(0, "test/noise"), dtype=torch.float64).to(dtype)
    return mean + torch.exp(0.5 * log_variance) * noise, mean, log_variance, noise


SHARP = [-40.0, -90.0, -2000.0]  # a deviation of 2e-9, one of 3e-20, and one that float64 lacks


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("log_variance", SHARP)
def test_information_is_log_n_of_distinct_rows_however_sharp_their_posteriors(log_variance, dtype):
    z, mean, log_variance, noise = sharp(log_variance, dtype)
    for given in ({"noise": noise}, {}):
        lower, upper = mutual_information_bounds(z, mean, log_variance, **given)
        assert lower == pytest.approx(math.log(64), rel=1e-12)
        assert upper > 1e10  # inf where float64 holds nothing of the other rows


@pytest.mark.parametrize("log_variance", SHARP)
def test_information_is_zero_of_equal_rows_however_sharp_their_posteriors(log_variance):
    _, mean, log_variance, noise = sharp(log_variance, torch.float32)
    same = mean[:1].expand_as(mean)
    given = mutual_information_bounds(same, same, log_variance, noise=noise)
    assert given == pytest.approx((0, 0), abs=1e-9)
    given = minibatch_mutual_information(same, same, log_variance, 16, noise=noise)
    # the entropy is closed-form, its sample not: deviation √(3 / 2) a row, 4 standard errors
    assert given == pytest.approx(0, abs=4 * math.sqrt(1.5 / 64))


@pytest.mark.parametrize("log_variance", SHARP)
def test_minibatch_estimate_takes_the_densities_of_sharp_posteriors_from_the_noise(log_variance):
    z, mean, log_variance, noise = sharp(log_variance, torch.float32)
    given = minibatch_mutual_information(z, mean, log_variance, 16, noise=noise)
    # own densities alone: −½ noise² against its mean, −½ for each of three dimensions
    truth = math.log(16) + 0.5 * (noise.double().square().sum(1).mean().item() - 3)
    assert given == pytest.approx(truth, rel=1e-12)


def test_both_ways_to_the_densities_agree_where_both_have_the_digits():
    z, mean, log_variance = posteriors(300)
    noise = (z - mean) * torch.exp(-0.5 * log_variance)
    ordinary = mutual_information_bounds(z, mean, log_variance, noise=noise)
    # one more dimension, the same for all rows, is sharp and says nothing
    parts = (torch.cat([part, 0 * part[:, :1] + 1], 1) for part in (z, mean))
    wide = torch.cat([log_variance, torch.full_like(log_variance[:, :1], -100.0)], 1)
    noise = torch.cat([noise, noise[:, :1]], 1)
    assert mutual_information_bounds(*parts, wide, noise=noise) == pytest.approx(
        ordinary, rel=1e-9
    )


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("which", ["z", "mean", "log_variance", "noise"])
def test_estimates_refuse_values_that_are_not_finite(which, value):
    z, mean, log_variance, noise = sharp(0.0, torch.float64)
    rows = {"z": z, "mean": mean, "log_variance": log_variance, "noise": noise}
    rows[which][[3, 5], 1] = value
    message = f"2 of 64 {which} rows hold values that are not finite"
    with pytest.raises(ValueError, match=message):
        mutual_information_bounds(**rows)
    with pytest.raises(ValueError, match=message):
        minibatch_mutual_information(**rows, batch_size=16)


def test_estimates_that_float64_cannot_hold_are_refused_not_nan():
    z, mean, log_variance, _ = sharp(-2000.0, torch.float64)
    z = z + 1e-9  # no sample of these posteriors
    with pytest.raises(ValueError, match="cannot be computed"):
        mutual_information_bounds(z, mean, log_variance)
    with pytest.raises(ValueError, match="cannot be computed"):
        minibatch_mutual_information(z, mean, log_variance, 16)


def test_lower_bound_never_exceeds_log_n_and_upper_bound_lies_above():
    for overlap in (1e-6, 1e-2, 1.0, 100.0):
        lower, upper = mutual_information_bounds(*posteriors(50, overlap=overlap))
        assert lower <= math.log(50)
        assert lower < upper


def test_bounds_refuse_a_single_row():
    with pytest.raises(ValueError, match="two rows"):
        mutual_information_bounds(*posteriors(1))


def test_minibatch_estimate_is_he_et_als_formula_with_the_short_batch_kept():
    z, mean, log_variance = posteriors(50)
    total = 0.0
    for batch in (slice(0, 20), slice(20, 40), slice(40, 50)):
        q = Independent(Normal(mean[batch], log_variance[batch].exp().sqrt()), 1)
        scores = log_densities(z[batch], mean[batch], log_variance[batch])
        log_marginal = scores.exp().mean(1).log()
        rows = len(scores)
        total += rows * (-q.entropy().mean() - log_marginal.mean()).item()
    given = minibatch_mutual_information(z, mean, log_variance, 20)
    assert given == pytest.approx(total / 50, rel=1e-10)


def test_minibatch_estimate_approaches_log_batch_size_when_posteriors_do_not_overlap():
    n = 4096
    z, mean, log_variance = posteriors(n)
    apart = 1e3 * torch.arange(n, dtype=torch.float64)[:, None]
    given = minibatch_mutual_information(z + apart, mean + apart, log_variance, 64)
    # the entropy is closed-form but its sample is not: deviation √(3 / 2), 4 standard errors
    assert given == pytest.approx(math.log(64), abs=4 * math.sqrt(1.5 / n))


def test_minibatch_estimate_of_batches_of_one_row_is_zero_in_expectation():
    n = 4096
    given = minibatch_mutual_information(*posteriors(n), 1)
    assert given == pytest.approx(0, abs=4 * math.sqrt(1.5 / n))  # as above


def test_ceilings_are_those_of_the_test_set_and_of_its_batches():
    evaluation = linear_gaussian(1.0, 1200)  # batches of 512, 512 and 176
    weighted = (1024 * math.log(512) + 176 * math.log(176)) / 1200
    assert metrics.get("mi_ceiling")(evaluation) == pytest.approx(math.log(1200), rel=1e-12)
    assert metrics.get("mi_batch_ceiling")(evaluation) == pytest.approx(weighted, rel=1e-12)


def test_the_registered_minibatch_estimate_takes_the_training_batch_size():
    evaluation = linear_gaussian(1.0, 1200)
    q = evaluation.posterior
    truth = minibatch_mutual_information(evaluation.z, q.mean, q.log_variance, 512)
    assert metrics.get("mi_batch")(evaluation) == truth


@pytest.mark.parametrize("noise", NOISES)
def test_marginal_kl_vanishes_for_the_exact_posterior_of_the_models_own_draws(noise):
    evaluation = linear_gaussian(noise, 8192)
    # the two terms' errors nearly share their cause; each is below 3 √(2 / n)
    given = metrics.get("kl_marginal")(evaluation)
    assert given == pytest.approx(0, abs=3 * math.sqrt(2 / 8192))


def test_marginal_kl_is_the_prior_mismatch_of_shifted_posteriors():
    evaluation = linear_gaussian(1.0, 8192)
    with torch.no_grad():
        evaluation.vae.encoder.bias += 2.0
    # q(z) = N(2, 1) in both dimensions: KL = 2 · 2² / 2; its mean has the error of 2 · mean z
    given = metrics.get("kl_marginal")(evaluation)
    assert given == pytest.approx(4, abs=4 * 2 * math.sqrt(2 / 8192))
