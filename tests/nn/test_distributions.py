"""Our distributions against torch's own, and against what a density must do."""

import itertools
import math

import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from fmnbench.errors import Declined
from fmnbench.metrics.base import decoder_loss
from fmnbench.nn.distributions import (
    AutoregressiveCategorical,
    DiagonalNormal,
    IndependentBernoulli,
    IsotropicNormal,
)
from fmnbench.rng import isolated, stream


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


def written_out(noise, log_variance):
    """The log-density of a sample, in double precision, from the noise that it was made of."""
    each = noise.double().square() + log_variance + math.log(2 * math.pi)
    return -0.5 * each.sum(-1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("log_variance", [-1500.0, -90.0, -40.0, -15.0, 0.0, 30.0, 85.0])
def test_density_of_a_sample_is_exact_at_any_variance(log_variance, dtype):
    mean = torch.tensor([[1.0, -3.0], [0.0, 1e-4]], dtype=dtype)
    q = DiagonalNormal(mean, torch.full_like(mean, log_variance))
    noise = q.noise((50,), generator=stream(0, "noise"))
    given = q.log_prob_at(noise)
    assert given.dtype == dtype
    # a deviation keeps 12 of float32's 24 bits before the noise takes over: 1 / 4096 of |noise|²
    tolerance = {"rtol": 1e-6, "atol": 4e-3} if dtype == torch.float32 else {}
    torch.testing.assert_close(given.double(), written_out(noise, log_variance), **tolerance)


@pytest.mark.parametrize("log_variance", [-120.0, -90.0, -40.0, 40.0, 90.0])
def test_density_in_float32_is_that_in_float64_at_any_variance(log_variance):
    mean = torch.tensor([[1.0, -3.0, 0.0]])
    q = DiagonalNormal(mean, torch.full_like(mean, log_variance))
    at_mean = -1.5 * (log_variance + math.log(2 * math.pi))
    assert q.log_prob(mean).item() == pytest.approx(at_mean, rel=1e-6)
    z = torch.tensor([[1.0, -3.0, 2.5 * math.exp(log_variance / 2)]])  # the last one off its mean
    assert q.log_prob(z).item() == pytest.approx(at_mean - 0.5 * 2.5**2, rel=1e-6)


def test_density_of_a_sample_at_ordinary_variances_is_its_log_prob_bit_for_bit():
    mean, log_variance = normals(7, 4, purpose="m").float(), normals(7, 4, purpose="v").float()
    q = DiagonalNormal(mean, log_variance)
    noise = q.noise((5,), generator=stream(0, "noise"))
    assert torch.equal(q.log_prob_at(noise), q.log_prob(q.at(noise)))
    plain = (q.at(noise) - mean).square() * torch.exp(-log_variance) + log_variance
    assert torch.equal(q.log_prob(q.at(noise)), -0.5 * (plain + math.log(2 * math.pi)).sum(-1))


def test_samples_are_made_of_the_noise_of_the_same_generator(normal):
    noise = normal.noise((3,), generator=stream(0, "noise"))
    assert torch.equal(normal.at(noise), normal.rsample((3,), generator=stream(0, "noise")))


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


def test_half_precision_parameters_are_widened_before_densities():
    q = DiagonalNormal(torch.zeros(2, 3, dtype=torch.bfloat16), torch.zeros(2, 3).bfloat16())
    assert q.log_prob(torch.zeros(2, 3)).dtype == torch.float32


class Pairs:
    """A language where a word depends on the one before it and on z alone."""

    words = 4

    def __init__(self):
        self.calls = []

    def start(self, z):
        return (z[:, :1],)

    def step(self, words, state):
        (first,) = state
        return self.logits(words, first), state

    def logits(self, words, z):
        steep = torch.arange(4) * (1 + words.double()[..., None])
        return torch.sin(steep + z) * 2

    def log_prob(self, x, z):
        self.calls.append((x, z))
        each = self.logits(x[:, :-1], z[:, :, None, :1]).log_softmax(-1)
        chosen = each.gather(-1, x[None, :, 1:, None].long().expand(len(z), -1, -1, 1))[..., 0]
        return (chosen * (x[:, :-1] != 1)).sum(-1)


def texts():
    return torch.tensor([[0, 2, 3, 1, 1], [0, 1, 1, 1, 1], [0, 3, 2, 2, 1]], dtype=torch.int32)


def test_texts_are_scored_at_each_z_whatever_the_shapes_that_lead():
    x, z = texts(), normals(2, 4, 3, 1)
    each = [[Pairs().log_prob(x, part[None])[0] for part in parts] for parts in z]
    truth = torch.stack([torch.stack(row) for row in each])
    for some, expected in ((z, truth), (z[0], truth[0]), (z[0, 0], truth[0, 0])):
        like = AutoregressiveCategorical(Pairs(), some)
        assert like.batch_shape == expected.shape
        torch.testing.assert_close(like.log_prob(x), expected)
    rows = torch.stack([x, x.flip(0)])[:, None].expand(2, 4, 3, 5)
    torch.testing.assert_close(
        AutoregressiveCategorical(Pairs(), z).log_prob(rows),
        torch.stack([truth[0], AutoregressiveCategorical(Pairs(), z[1]).log_prob(x.flip(0))]),
    )
    alone = AutoregressiveCategorical(Pairs(), z[0, 0, 0])
    torch.testing.assert_close(alone.log_prob(x)[0], truth[0, 0, 0])
    torch.testing.assert_close(alone.log_prob(x[0]), truth[0, 0, 0])


def test_texts_that_all_samples_share_reach_the_network_once():
    language, x, z = Pairs(), texts(), normals(2, 4, 3, 1)
    AutoregressiveCategorical(language, z).log_prob(x)
    ((rows, samples),) = language.calls
    assert torch.equal(rows, x)
    assert torch.equal(samples, z.reshape(8, 3, 1))


def test_drawn_texts_have_the_probabilities_of_the_network():
    z = normals(2, 1)
    draws = AutoregressiveCategorical(Pairs(), z).sample((4000,), generator=stream(0, "draws"))
    assert draws.dtype == torch.int32
    assert draws.shape[:2] == (4000, 2)
    assert (draws[..., 0] == 0).all()
    for column in range(2):
        chances = Pairs().logits(torch.tensor(0), z[column])[1:].softmax(0)  # <s> is not drawn
        found = torch.bincount(draws[:, column, 1], minlength=4)[1:] / 4000
        error = (chances * (1 - chances) / 4000).sqrt()
        assert ((found - chances).abs() < 5 * error).all()


def test_texts_are_drawn_by_the_given_generator_or_else_by_torchs():
    like = AutoregressiveCategorical(Pairs(), normals(6, 1))
    first, again, other = (like.sample(generator=stream(0, name)) for name in ("a", "a", "b"))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    with isolated(0, "global"):
        one = like.sample()
    with isolated(0, "global"):
        assert torch.equal(like.sample(), one)
        assert not torch.equal(like.sample(), one)


def test_greedy_texts_go_on_with_the_likeliest_word_in_the_shape_of_z():
    z = normals(2, 3, 1)
    rows = AutoregressiveCategorical(Pairs(), z).greedy()
    assert rows.shape[:2] == (2, 3)
    for row, each in zip(rows.flatten(0, 1), z.flatten(0, 1), strict=True):
        for word, following in itertools.pairwise(row[:101]):  # a limit may cut behind
            if word == 1:
                break
            assert following == 1 + Pairs().logits(word, each)[1:].argmax()


def test_texts_have_no_mean():
    with pytest.raises(Declined, match="no mean"):
        _ = AutoregressiveCategorical(Pairs(), normals(2, 1)).mean


def test_log_probabilities_of_texts_are_widened_from_half_precision():
    class Rough(Pairs):
        def log_prob(self, x, z):
            return super().log_prob(x, z).bfloat16()

    like = AutoregressiveCategorical(Rough(), normals(3, 1))
    assert like.log_prob(texts()).dtype == torch.float32
