"""What does not fit is declined before training, with its reason."""

import pytest
import torch

from fmnbench.architectures.mlp import MLP
from fmnbench.datasets.base import Splits
from fmnbench.errors import Declined, UsageError
from fmnbench.nn.distributions import DiagonalNormal
from fmnbench.registry import architectures
from fmnbench.rng import stream
from fmnbench.runs.fitting import require_fitting


class OwnPosterior(DiagonalNormal):
    """A posterior that is no plain diagonal normal."""


class Shifted(MLP):
    """An MLP whose prior is not the standard normal."""

    @property
    def prior(self):
        ones = torch.ones(self.latent)
        return DiagonalNormal(ones, 0 * ones)


class Other(MLP):
    """An MLP with another kind of posterior."""

    def encode(self, x):
        q = super().encode(x)
        return OwnPosterior(q.mean, q.log_variance)


def splits(train, test=None, rebinarise=False):
    bits = torch.bernoulli(torch.full((8, 6), 0.5), generator=stream(0, "test/bits"))
    return Splits(
        train=train if train is not None else bits,
        validation=bits,
        test=bits if test is None else test,
        kind="vectors",
        rebinarise=rebinarise,
    )


def grey():
    return torch.empty(8, 6).uniform_(generator=stream(0, "test/grey"))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (splits(2 * grey().round()), "the train rows have values from 0 to 2"),
        (splits(grey()), "which takes bits, 0 or 1"),
        (splits(None, test=255 * grey().round()), "the test rows have values from 0 to 255"),
        (splits(1 - 2 * grey().round(), rebinarise=True), "which takes shares from 0 to 1"),
    ],
    ids=["0 and 2", "grey", "0 to 255", "below 0"],
)
def test_a_likelihood_of_bits_declines_other_values(data, reason):
    with pytest.raises(Declined, match=reason):
        require_fitting(MLP(6, likelihood="bernoulli"), data, "mlp")
    require_fitting(MLP(6), data, "mlp")  # a Gaussian takes any values


def test_grey_training_rows_that_become_bits_at_each_visit_fit():
    require_fitting(MLP(6, likelihood="bernoulli"), splits(grey(), rebinarise=True), "mlp")


def test_another_posterior_and_another_prior_are_declined_as_no_metric_measures_them():
    with pytest.raises(Declined, match="mine has a OwnPosterior as posterior"):
        require_fitting(Other(6), splits(grey()), "mine")
    with pytest.raises(Declined, match="mine has a prior of its own"):
        require_fitting(Shifted(6), splits(grey()), "mine")


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        ("mlp", "latent", 0),
        ("mlp", "variance", -1.0),
        ("cnn", "variance", 0.0),
        ("linear-gaussian", "variance", -0.5),
        ("resnet-pixelcnn", "latent", 0),
        ("lstm", "latent", -2),
    ],
)
def test_a_size_or_variance_that_cannot_be_is_refused_when_runs_are_planned(name, setting, value):
    with pytest.raises(UsageError, match=f"{setting} of architecture '{name}' is {value}"):
        architectures.fill(name, {setting: value})
