"""The toy mixture against its check values, and what datasets declare of themselves."""

import numpy as np
import pytest
import torch

from fmnbench.data.identity import declared, measured, verify
from fmnbench.datasets.digits import Digits
from fmnbench.datasets.toy import Toy, mixture
from fmnbench.errors import DataMissing, FmnbenchError
from fmnbench.registry import datasets
from fmnbench.rng import stream


@pytest.fixture
def loaded(real_cache, monkeypatch):
    """Returns a function from a dataset to its splits; it skips where the data are missing."""

    def load(name):
        if name in ("omniglot", "yahoo-10k"):
            monkeypatch.setenv("FMNBENCH_CACHE", str(real_cache(name)))
        try:
            return datasets.get(name)().load()
        except DataMissing as error:
            pytest.skip(str(error))

    return load


EPSILON = np.finfo(np.float64).eps


def test_toy_is_the_reports_mixture_to_the_rounding_of_a_norm(real):
    reference = np.load(real("toy/gaussian_mixture_reference.npz"))
    toy = mixture()
    assert np.array_equal(toy.variances, reference["class_variances"])
    # a direction's length is a dot product of 16 terms, which BLAS rounds by processor: 16 steps
    np.testing.assert_allclose(toy.means, reference["class_means"], rtol=16 * EPSILON)
    np.testing.assert_allclose(toy.rows[:8], reference["first_rows"], atol=40 * 16 * EPSILON)
    np.testing.assert_allclose(toy.rows.mean(0), reference["overall_mean"], rtol=1e-12)
    np.testing.assert_allclose(toy.rows.var(0, ddof=1), reference["overall_var"], rtol=1e-12)


def test_toy_splits_are_81_9_and_10_percent():
    splits = Toy(rows_per_class=100).load()
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [810, 90, 100]


def test_true_density_of_the_toy_integrates_to_one():
    # importance sampling: the mean of p(x)/g(x) over x ~ g is the integral of p
    toy = mixture(10)
    generator = stream(0, "importance")
    n = 20_000
    classes = torch.randint(10, (n,), generator=generator)
    means, stds = torch.from_numpy(toy.means), torch.from_numpy(toy.variances).sqrt() * 1.2
    noise = torch.empty(n, 16, dtype=torch.float64).normal_(generator=generator)
    x = means[classes] + stds[classes, None] * noise
    components = torch.distributions.Independent(
        torch.distributions.Normal(means, stds[:, None].expand(10, 16)), 1
    )
    proposal = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(torch.ones(10)), components
    )
    ratios = (toy.log_density(x) - proposal.log_prob(x)).exp()
    error = ratios.std() / n**0.5
    assert error < 0.02
    assert ratios.mean() == pytest.approx(1.0, abs=4 * error.item())


def test_true_density_of_the_toys_test_rows_has_the_mean_of_its_entropy():
    toy = mixture()
    densities = toy.log_density(Toy().load().test)
    # log 10 + the mean of ½ · 16 · log(2πe v_c): classes hardly overlap
    entropy = np.log(10) + (8 * np.log(2 * np.pi * np.e * toy.variances)).mean()
    error = (densities.std() / len(densities) ** 0.5).item()
    assert error < 0.04  # so that the next line could fail
    assert -densities.mean().item() == pytest.approx(entropy, abs=4 * error)


@pytest.mark.parametrize("name", [name for name in datasets.names() if declared(name)])
def test_statistics_that_are_declared_are_those_of_the_data(name, loaded):
    found, expected = vars(measured(loaded(name))), vars(declared(name))
    assert found["rows"] == expected["rows"]
    for field in ("width", "mean", "variance", "vocabulary", "words"):
        if expected[field] is not None:
            assert found[field] == pytest.approx(expected[field], rel=1e-9), field


def test_other_data_under_a_known_name_are_refused():
    with pytest.raises(FmnbenchError, match="'toy' is not the one"):
        verify("toy", datasets.settings("toy"), Toy(rows_per_class=10).load(), "planned")


def test_other_settings_are_not_held_against_the_declared_statistics():
    splits = Toy(rows_per_class=10).load()
    assert verify("toy", {"rows_per_class": 10}, splits, "planned") == measured(splits).sha256


def test_digits_training_pixels_are_drawn_anew_and_the_others_once():
    splits = Digits().load()
    generator = stream(0, "visits")
    rows = torch.arange(1000)
    first, second = (splits.visit(rows, generator) for _ in range(2))
    grey = splits.train[:1000]
    assert not torch.equal(first, second)
    # a pixel's mean over visits is its grey value: 2,000 bits a column, 4 standard errors
    error = ((first + second) / 2 - grey).mean(0).abs().max()
    assert error < 4 * 0.5 / 2000**0.5
    assert set(splits.test.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(splits.test, Digits().load().test)


def test_grey_digits_stay_grey():
    splits = Digits(binary=False).load()
    assert torch.equal(splits.visit(torch.arange(5), stream(0, "v")), splits.train[:5])
    assert len(splits.test.unique()) > 10
