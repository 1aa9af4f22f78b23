"""Our distributions against torch's own, and against what a density must do."""

import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from fmnbench.distributions import (
    DiagonalNormal,
    IndependentBernoulli,
    IsotropicNormal,
    pairwise_features,
)
from fmnbench.metrics.base import decoder_loss
from fmnbench.rng import stream


def normals(*shape, purpose="values"):
    return torch.empty(shape, dtype=torch.float64).normal_(generator=stream(1, purpose))


@pytest.fixture
def normal():
    return DiagonalNormal(3 * normals(7, 4, purpose="mean"), normals(7, 4, purpose="lv"))


def reference(q):
    return Independent(Normal(q.mean, (q.log_variance / 2).exp()), 1)


def test_diagonal_normal_has_torchs_density_entropy_and_moments(normal):
    truth = reference(normal)
    z = normals(5, 7, 4, purpose="z")
    torch.testing.assert_close(normal.log_prob(z), truth.log_prob(z))
    torch.testing.assert_close(normal.entropy(), truth.entropy())
    torch.testing.assert_close(normal.variance, truth.variance)
    torch.testing.assert_close(normal.mean, truth.mean)


def test_closed_form_kl_is_torchs(normal):
    prior = Normal(torch.zeros(4).double(), torch.ones(4).double())
    truth = kl_divergence(reference(normal).base_dist, prior)
    torch.testing.assert_close(normal.kl_from_standard(), truth)


def test_samples_of_a_diagonal_normal_have_its_moments(normal):
    n = 40_000
    z = normal.rsample((n,), generator=stream(0, "samples"))
    error = normal.variance.sqrt() / n**0.5
    assert ((z.mean(0) - normal.mean).abs() < 5 * error).all()  # 28 means at 5 sigma
    assert ((z.var(0) / normal.variance - 1).abs() < 5 * (2 / n) ** 0.5).all()


def test_samples_carry_gradients_to_mean_and_variance():
    mean = normals(3, 2, purpose="m").requires_grad_()
    log_variance = normals(3, 2, purpose="v").requires_grad_()
    z = DiagonalNormal(mean, log_variance).rsample(generator=stream(0, "z"))
    gradients = torch.autograd.grad(z.sum(), (mean, log_variance))
    torch.testing.assert_close(gradients[0], torch.ones_like(mean))
    torch.testing.assert_close(gradients[1], (z - mean).detach() / 2)


@pytest.mark.parametrize("variance", [0.25, 0.5, 3.0])
def test_isotropic_normal_has_torchs_density_and_spread(variance):
    mean, x = normals(6, 5, purpose="mean"), normals(6, 5, purpose="x")
    ours = IsotropicNormal(mean, variance)
    truth = Independent(Normal(mean, variance**0.5), 1)
    torch.testing.assert_close(ours.log_prob(x), truth.log_prob(x))
    draws = ours.sample((20_000,), generator=stream(0, "draws"))
    assert ((draws.var(0) / variance - 1).abs() < 5 * (2 / 20_000) ** 0.5).all()


def test_decoder_loss_at_variance_one_half_is_the_squared_error():
    mean, x = normals(6, 5, purpose="mean"), normals(6, 5, purpose="x")
    loss = decoder_loss(IsotropicNormal(mean, 0.5), x)
    torch.testing.assert_close(loss, (x - mean).square().sum(1))


def test_bernoulli_has_torchs_density_and_scores_grey_values_as_cross_entropy():
    logits = 3 * normals(6, 5, purpose="logits")
    bits = torch.bernoulli(torch.full((6, 5), 0.5).double(), generator=stream(0, "bits"))
    ours = IndependentBernoulli(logits)
    truth = Independent(Bernoulli(logits=logits), 1)
    torch.testing.assert_close(ours.log_prob(bits), truth.log_prob(bits))
    torch.testing.assert_close(decoder_loss(ours, bits), -truth.log_prob(bits))
    grey = torch.sigmoid(normals(6, 5, purpose="grey"))
    cross = torch.nn.functional.binary_cross_entropy_with_logits(logits, grey, reduction="none")
    torch.testing.assert_close(ours.log_prob(grey), -cross.sum(1))


def test_bernoulli_draws_have_its_mean():
    ours = IndependentBernoulli(torch.tensor([[-2.0, 0.0, 1.0]]))
    draws = ours.sample((20_000,), generator=stream(0, "draws"))
    assert set(draws.unique().tolist()) == {0.0, 1.0}
    assert torch.allclose(draws.mean(0), ours.mean, atol=5 * 0.5 / 20_000**0.5)


def test_pairwise_features_give_all_log_densities_as_one_product(normal):
    z = 10 * normals(9, 4, purpose="z")
    a, b = pairwise_features(z, normal.mean, normal.log_variance)
    torch.testing.assert_close(a.T @ b, reference(normal).log_prob(z[:, None]))


def test_half_precision_parameters_are_widened_before_densities():
    q = DiagonalNormal(torch.zeros(2, 3, dtype=torch.bfloat16), torch.zeros(2, 3).bfloat16())
    assert q.log_prob(torch.zeros(2, 3)).dtype == torch.float32
