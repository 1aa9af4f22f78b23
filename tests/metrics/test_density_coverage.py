import contextlib
import io

import pytest
import torch

from fmnbench.architectures.linear_gaussian import LinearGaussian
from fmnbench.datasets.base import Splits
from fmnbench.metrics import Evaluation, density_coverage
from fmnbench.metrics.neighbours import (
    product_counts,
    product_distances,
    resolved,
    tree_counts,
    tree_distances,
)
from fmnbench.registry import metrics
from fmnbench.rng import isolated, stream

FEW, MANY = 3, 12  # dimensions: the KD-tree's side of the house and the products'


@pytest.fixture(autouse=True)
def _same_initial_weights():
    with isolated(0, "test/weights"):
        yield


def points(rows, dimensions, purpose):
    return torch.randn(
        rows, dimensions, generator=stream(0, f"test/{purpose}"), dtype=torch.float64
    )


def by_definition(real, generated, k):
    """Naeem et al.'s formulas on whole squared distances of integers: exact, ties included."""
    among = (real[:, None] - real).square().sum(2)  # squares[i, j] = |real_i − real_j|²
    radii = among.sort(1).values[:, k]
    inside = (real[:, None] - generated).square().sum(2) < radii[:, None]
    return inside.sum().item() / (k * len(generated)), inside.any(1).double().mean().item()


@pytest.mark.parametrize("dimensions", [FEW, MANY, 40])
@pytest.mark.parametrize("k", [1, 5])
def test_both_are_those_of_the_prdc_package_on_random_points(dimensions, k):
    prdc = pytest.importorskip("prdc", reason="needs the prdc package of the dev extra")
    real = points(700, dimensions, "real")
    generated = 0.8 * points(450, dimensions, "generated") + 0.3
    with contextlib.redirect_stdout(io.StringIO()):
        truth = prdc.compute_prdc(real.numpy(), generated.numpy(), k)
    given = density_coverage(real, generated, k)
    assert given == pytest.approx((truth["density"], truth["coverage"]), rel=1e-12)


@pytest.mark.parametrize("dimensions", [FEW, 8])
def test_both_follow_the_definition_where_every_distance_ties(dimensions):
    # a lattice: squared distances are small integers, and in 3 dimensions most rows are doubled
    real = torch.randint(0, 4, (300, dimensions), generator=stream(0, "test/lattice")).double()
    generated = torch.randint(0, 4, (200, dimensions), generator=stream(1, "test/lattice"))
    truth = by_definition(real, generated.double(), 5)
    assert density_coverage(real, generated.double()) == pytest.approx(truth, rel=1e-12)


@pytest.mark.parametrize("dimensions", [FEW, MANY])
def test_a_set_against_itself_has_density_and_coverage_one(dimensions):
    real = points(400, dimensions, "real") + 50
    # each ball holds its own row and the k − 1 nearest; the k-th lies on its edge, outside
    assert density_coverage(real, real) == (1.0, 1.0)


@pytest.mark.parametrize("dimensions", [FEW, MANY])
def test_far_sets_have_neither_density_nor_coverage(dimensions):
    real = points(100, dimensions, "real")
    assert density_coverage(real, real + 1000) == (0.0, 0.0)


@pytest.mark.parametrize("dimensions", [1, FEW, MANY])
def test_the_two_ways_of_search_agree(dimensions):
    centres, rows = points(1300, dimensions, "real"), points(900, dimensions, "generated")
    distances = tree_distances(centres, 5)
    # both take two blocks; squares of products round by some 1e-13, and in one dimension radii
    # are small beside them
    assert product_distances(centres, 5).tolist() == pytest.approx(distances.tolist(), rel=1e-6)
    given, truth = (count(centres, distances, rows) for count in (product_counts, tree_counts))
    assert given.tolist() == truth.tolist()


def test_products_are_trusted_with_scattered_rows_and_not_with_duplicates():
    rows = points(300, MANY, "real")
    assert resolved(rows, tree_distances(rows, 5))
    doubled = torch.cat([rows, rows[:1].repeat(5, 1)])
    assert not resolved(doubled, tree_distances(doubled, 5))


@pytest.mark.parametrize("dimensions", [FEW, MANY])
def test_two_clusters_ten_million_apart_count_as_each_alone(dimensions):
    real, generated = points(200, dimensions, "real"), points(150, dimensions, "generated")
    apart = 1e7 * torch.eye(dimensions, dtype=torch.float64)[0]
    both = density_coverage(
        torch.cat([real, real + apart]), torch.cat([generated, generated + apart])
    )
    assert both == density_coverage(real, generated)


@pytest.mark.parametrize("dimensions", [FEW, MANY])
def test_rows_with_k_duplicates_have_empty_neighbourhoods(dimensions):
    single = points(50, dimensions, "real")
    real = torch.cat([single[:10].repeat(6, 1), single[10:]])
    density, coverage = density_coverage(real, real)
    assert coverage == 40 / 100
    assert 0 < density < 1


def test_both_do_not_depend_on_the_order_of_rows():
    real, generated = points(300, MANY, "real"), points(200, MANY, "generated")
    assert density_coverage(real.flip(0), generated.roll(7, 0)) == density_coverage(
        real, generated
    )


def test_float32_rows_are_measured_as_the_float64_numbers_they_are():
    real, generated = points(300, MANY, "real").float(), points(200, MANY, "generated").float()
    assert density_coverage(real, generated) == density_coverage(real.double(), generated.double())


@pytest.mark.parametrize("k", [0, 6, -1])
def test_too_few_rows_for_k_are_refused(k):
    with pytest.raises(ValueError, match="must be 1 to 5"):
        density_coverage(points(6, FEW, "real"), points(6, FEW, "generated"), k)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(value):
    good, bad = points(20, FEW, "real"), points(20, FEW, "generated")
    bad[3, 1] = value
    with pytest.raises(ValueError, match="1 of 20 generated rows"):
        density_coverage(good, bad)
    with pytest.raises(ValueError, match="1 of 20 real rows"):
        density_coverage(bad, good)


def test_no_generated_rows_are_refused():
    with pytest.raises(ValueError, match="one generated row"):
        density_coverage(points(20, FEW, "real"), points(0, FEW, "generated"))


def test_a_model_that_made_the_data_has_the_density_and_coverage_of_equal_distributions():
    vae = LinearGaussian(4, latent=2, variance=0.5).double()
    generator = stream(1, "test/data")
    n = 3000
    with torch.no_grad():
        x = vae.decode(vae.prior.rsample((n,), generator=generator)).sample(generator=generator)
    splits = Splits(train=x[:10], validation=x[:10], test=x, kind="vectors")
    evaluation = Evaluation(vae, splits, seed=0, batch_size=100, nll_samples=1)
    density, coverage = (metrics.get(name)(evaluation) for name in ("density", "coverage"))
    assert (density, coverage) == density_coverage(x, evaluation.generated)
    # Naeem et al. 2020, sec. 3.3, for equally many rows in the limit; over 40 seeds of two normal
    # sets the deviations were 0.011 and 0.004, and these are five of each
    assert density == pytest.approx(1, abs=0.055)
    assert coverage == pytest.approx(1 - 2**-5, abs=0.02)
