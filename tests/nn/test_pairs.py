"""The two ways to all log-densities, against torch's own and against the noise."""

import pytest
import torch
from torch.distributions import Independent, Normal

from fmnbench.nn.distributions import DiagonalNormal
from fmnbench.nn.pairs import pairwise_features, pairwise_log_prob
from fmnbench.rng import stream


def normals(*shape, purpose="values"):
    return torch.empty(shape, dtype=torch.float64).normal_(generator=stream(1, purpose))


@pytest.fixture
def normal():
    return DiagonalNormal(3 * normals(7, 4, purpose="mean"), normals(7, 4, purpose="lv"))


def reference(q):
    return Independent(Normal(q.mean, (q.log_variance / 2).exp()), 1)


def test_pairwise_features_give_all_log_densities_as_one_product(normal):
    z = 10 * normals(9, 4, purpose="z")
    a, b = pairwise_features(z, normal.mean, normal.log_variance)
    torch.testing.assert_close(a.T @ b, reference(normal).log_prob(z[:, None]))


def test_densities_of_pairs_are_torchs_at_the_samples_that_noise_makes(normal):
    noise = normals(7, 4, purpose="noise")
    truth = reference(normal).log_prob(normal.at(noise)[:, None])
    torch.testing.assert_close(pairwise_log_prob(noise, normal, slice(2, 6)), truth[2:6])


@pytest.mark.parametrize("log_variance", [-40.0, -90.0, -2000.0])
def test_densities_of_pairs_are_exact_where_a_sample_is_rounded_to_its_mean(log_variance):
    mean = torch.tensor([[1.0], [1.0], [2.0]], dtype=torch.float64)
    q = DiagonalNormal(mean, torch.full_like(mean, log_variance))
    noise = torch.tensor([[0.5], [-1.0], [2.0]], dtype=torch.float64)
    scores = pairwise_log_prob(noise, q, slice(None))
    own = q.log_prob_at(noise)
    torch.testing.assert_close(scores[:2, :2], own[:2, None].expand(2, 2), rtol=1e-14, atol=0)
    torch.testing.assert_close(scores[2, 2], own[2], rtol=1e-14, atol=0)
    far = scores[torch.tensor([0, 1, 2, 2]), torch.tensor([2, 2, 0, 1])]
    assert (far < -1e16).all()  # one unit is e^20 deviations and more
