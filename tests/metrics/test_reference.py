import inspect
import math

import pytest
import torch

from fmnbench.architectures.linear_gaussian import LinearGaussian
from fmnbench.architectures.mlp import MLP
from fmnbench.datasets.base import Splits
from fmnbench.errors import Declined
from fmnbench.metrics import Evaluation
from fmnbench.metrics.reference import constant_prediction
from fmnbench.nn.distributions import DiagonalNormal
from fmnbench.registry import metrics
from fmnbench.rng import isolated, stream


@pytest.fixture(autouse=True)
def _same_initial_weights():
    with isolated(0, "test/weights"):
        yield


def evaluation(vae, train, test, *, seed=0, rebinarise=False):
    train, test = torch.as_tensor(train), torch.as_tensor(test)
    splits = Splits(train=train, validation=test, test=test, kind="vectors", rebinarise=rebinarise)
    return Evaluation(vae, splits, seed=seed, batch_size=10, nll_samples=1)


def value(name, of):
    return metrics.get(name)(of)


def own_draws(vae, rows, purpose):
    generator = stream(1, purpose)
    with torch.no_grad():
        z = vae.prior.rsample((rows,), generator=generator)
        return vae.decode(z).sample(generator=generator)


def test_reference_nll_of_a_gaussian_is_that_of_the_training_mean():
    of = evaluation(LinearGaussian(1, latent=1, variance=0.5), [[0.0], [2.0]], [[1.0], [3.0]])
    # squares 0 and 4 around the mean 1; at variance ½ they count in full, plus ½ log π
    assert value("reference.nll", of) == pytest.approx(2 + 0.5 * math.log(math.pi), rel=1e-12)


def test_reference_nll_of_bits_smooths_the_training_frequencies():
    vae = MLP(2, hidden=(3,), latent=1, likelihood="bernoulli")
    of = evaluation(vae, [[1.0, 0.0]] * 3, [[1.0, 0.0], [1.0, 1.0]])
    # three of three ones: (3 + 1) / (3 + 2); none of three: 1 / 5
    truth = -(2 * math.log(4 / 5) + math.log(4 / 5) + math.log(1 / 5)) / 2
    assert value("reference.nll", of) == pytest.approx(truth, rel=1e-12)


def test_no_other_constant_predicts_the_training_rows_better():
    train = torch.bernoulli(torch.full((5000, 4), 0.3), generator=stream(0, "test/bits"))
    vae = MLP(4, hidden=(3,), latent=1, likelihood="bernoulli")
    best = constant_prediction(vae.decode(torch.zeros(1, 1)), train)
    losses = [
        -type(best)(best.logits + step).log_prob(train.double()).mean().item()
        for step in (-0.1, 0.0, 0.1)
    ]
    assert losses[1] == min(losses)


def test_a_likelihood_without_a_constant_prediction_is_declined():
    rows = torch.zeros(3, 2)
    with pytest.raises(Declined, match="DiagonalNormal"):
        # unwrapped, for the shapes checked under test know of no such likelihood either
        inspect.unwrap(constant_prediction)(DiagonalNormal(rows, rows), rows)


def test_reference_density_and_coverage_are_those_of_equal_distributions():
    vae = LinearGaussian(3, latent=2).double()
    of = evaluation(vae, own_draws(vae, 5000, "train"), own_draws(vae, 3000, "test"))
    # Naeem et al. 2020, sec. 3.3; five deviations as measured in test_density_coverage.py
    assert value("reference.density", of) == pytest.approx(1, abs=0.055)
    assert value("reference.coverage", of) == pytest.approx(1 - 2**-5, abs=0.02)


def test_reference_takes_as_many_training_rows_as_there_are_test_rows_or_all():
    test = torch.arange(12.0)[:, None]
    of = evaluation(LinearGaussian(1, latent=1), test.repeat(50, 1), test)
    # rows of the test set itself: each lies in its own ball and in those of its neighbours
    assert 0 < value("reference.coverage", of) <= 1
    few = evaluation(LinearGaussian(1, latent=1), [[0.0], [100.0]], test)
    # 0 lies within its own ball and those of 1 and 2, on the edge of 3's; 100 lies in none
    assert value("reference.coverage", few) == 3 / 12
    assert value("reference.density", few) == 3 / (5 * 2)


def test_references_do_not_depend_on_the_seed_and_those_of_the_model_do():
    vae = LinearGaussian(3, latent=2).double()
    train, test = own_draws(vae, 900, "train"), own_draws(vae, 300, "test")
    first, second = (evaluation(vae, train, test, seed=seed) for seed in (0, 1))
    for name in ("reference.nll", "reference.density", "reference.coverage"):
        assert value(name, first) == value(name, second)
    assert value("density", first) != value("density", second)


def test_reference_rows_become_bits_where_training_rows_do():
    grey = torch.full((400, 9), 0.5)
    bits = torch.bernoulli(grey, generator=stream(0, "test/bits"))
    vae = MLP(9, hidden=(3,), latent=1, likelihood="bernoulli")
    as_bits = evaluation(vae, grey, bits, rebinarise=True)
    as_grey = evaluation(vae, grey, bits, rebinarise=False)
    # all grey rows are one point in the middle of the cube, nearer to it than any ball reaches
    assert value("reference.coverage", as_bits) > 0.3
    assert value("reference.coverage", as_grey) == 0


@pytest.mark.parametrize("noise", [0.25, 1.0, 4.0])
def test_z_dependence_is_the_share_of_the_variance_that_z_explains(noise):
    vae = LinearGaussian(5, latent=3, variance=noise).double()
    x = own_draws(vae, 20_000, "test")
    explained = vae.decoder.weight.square().sum().item()
    truth = explained / (explained + 5 * noise)
    # two variances over 20,000 rows, each to 1 % at most: three standard errors of their ratio
    assert value("z_dependence", evaluation(vae, x, x)) == pytest.approx(truth, rel=0.04)


def test_z_dependence_is_zero_of_a_decoder_that_ignores_z():
    vae = LinearGaussian(5, latent=3).double()
    torch.nn.init.zeros_(vae.decoder.weight)
    x = own_draws(vae, 100, "test")
    assert value("z_dependence", evaluation(vae, x, x)) == 0


def test_z_dependence_is_declined_where_test_rows_are_all_the_same():
    of = evaluation(LinearGaussian(2, latent=1), torch.ones(20, 2), torch.ones(20, 2))
    with pytest.raises(Declined, match="all the same"):
        value("z_dependence", of)


@pytest.mark.parametrize("noise", [0.25, 1.0, 4.0])
def test_z_gain_at_the_exact_posterior_is_the_ratio_of_signal_to_noise(noise):
    vae = LinearGaussian(5, latent=3, variance=noise).double()
    with torch.no_grad():
        columns = torch.linalg.qr(vae.decoder.weight).Q
        vae.decoder.weight.copy_(columns * torch.tensor([2.0, 0.7, 0.1]))
    vae.adopt_exact_posterior()
    x = own_draws(vae, 20_000, "test")
    # of another row's z, W z' differs from W z by 2 Σ W² in the mean square
    truth = vae.decoder.weight.square().sum().item() / noise
    # a row's gain varies by less than three times its mean: four standard errors
    assert value("z_gain", evaluation(vae, x, x)) == pytest.approx(truth, rel=4 * 3 / 141)


def test_z_gain_of_two_rows_holds_each_against_the_z_of_the_other():
    vae = LinearGaussian(2, latent=1).double()
    of = evaluation(
        vae, torch.zeros(2, 2).double(), torch.tensor([[1.0, 5.0], [2.0, -3.0]]).double()
    )
    with torch.no_grad():
        own, other = (vae.decode(z).log_prob(of.x).mean().item() for z in (of.z, of.z.flip(0)))
    assert value("z_gain", of) == pytest.approx(own - other, rel=1e-12)
    assert own != other


def test_z_gain_is_zero_of_a_decoder_that_ignores_z():
    vae = LinearGaussian(5, latent=3).double()
    torch.nn.init.zeros_(vae.decoder.weight)
    x = own_draws(vae, 100, "test")
    assert value("z_gain", evaluation(vae, x, x)) == pytest.approx(0, abs=1e-12)


def test_z_gain_is_declined_where_there_is_no_other_row():
    of = evaluation(LinearGaussian(2, latent=1), torch.ones(20, 2), torch.ones(1, 2))
    with pytest.raises(Declined, match="two test rows"):
        value("z_gain", of)
