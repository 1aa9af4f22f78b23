import math

import pytest
import torch

from fmnbench.architectures.linear_gaussian import LinearGaussian
from fmnbench.datasets.base import Splits
from fmnbench.metrics import Evaluation, active_units
from fmnbench.registry import metrics
from fmnbench.rng import stream

# population variances 0, 0.0081, 0.0121 and 4; sample variances are 4 / 3 of these
COLUMNS = torch.tensor([[-1, 1, -1, 1]]).T * torch.tensor([[0.0, 0.09, 0.11, 2.0]])


def test_active_units_are_the_columns_whose_variance_is_above_the_threshold():
    assert active_units(COLUMNS) == 2
    assert active_units(COLUMNS, threshold=1.0) == 1
    assert active_units(COLUMNS, threshold=0.001) == 3


def test_active_units_take_the_population_variance():
    assert active_units(COLUMNS, threshold=0.0121 * 1.01) == 1  # the sample variance would pass


def test_a_unit_at_the_threshold_is_not_active():
    assert active_units(torch.tensor([[-1.0], [1.0]]), threshold=1.0) == 0


def test_active_units_do_not_depend_on_where_the_means_lie():
    assert active_units(COLUMNS.double() + 1e4) == 2


@pytest.mark.parametrize("value", [math.nan, -math.inf])
def test_active_units_refuse_means_that_are_not_finite(value):
    mean = COLUMNS.clone()
    mean[2, 3] = value
    with pytest.raises(ValueError, match="1 of 4 mean rows hold values that are not finite"):
        active_units(mean)


@pytest.mark.parametrize("active", [0, 1, 3])
def test_au_counts_the_dimensions_that_the_encoder_uses(active):
    x = torch.randn(500, 3, generator=stream(0, "test/x"))
    vae = LinearGaussian(3, latent=3)
    with torch.no_grad():
        vae.encoder.weight.copy_(torch.eye(3) * (torch.arange(3) < active)[:, None])
        vae.log_variance.fill_(0.0)  # samples vary in every dimension, means do not
    splits = Splits(train=x, validation=x, test=x, kind="vectors")
    evaluation = Evaluation(vae, splits, seed=0, batch_size=100, nll_samples=1)
    assert metrics.get("au")(evaluation) == active
