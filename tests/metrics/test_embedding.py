import pytest
import torch

from fmnbench.datasets.base import Splits
from fmnbench.metrics.embedding import embedding
from fmnbench.rng import stream


def splits(rows, height, width, kind="images"):
    """Pixels whose scales fall with their place, so that components have an order."""
    count = height * width
    scales = torch.linspace(2, 0.1, count)
    train, test = (
        torch.randn(rows, count, generator=stream(0, f"test/{name}")) * scales + scales
        for name in ("train", "test")
    )
    shape = (height, width) if kind == "images" else None
    return Splits(train=train, validation=test, test=test, kind=kind, image_shape=shape)


def test_vectors_stay_as_they_are():
    data = splits(100, 4, 4, "vectors")
    embedded = embedding(data)(data.test)
    assert embedded.dtype == torch.float64
    assert torch.equal(embedded, data.test.double())


def test_images_of_few_pixels_keep_all_their_distances():
    data = splits(100, 6, 6)
    embedded = embedding(data)(data.test)
    assert embedded.shape == (100, 36)
    # a rotation of the pixels; to float64's rounding
    truth = torch.cdist(data.test.double(), data.test.double())
    assert torch.allclose(torch.cdist(embedded, embedded), truth, atol=1e-6)


def test_images_go_to_64_components_whose_variances_are_the_covariances_eigenvalues():
    data = splits(300, 10, 10)
    embedded = embedding(data)(data.train)
    truth = torch.linalg.eigvalsh(data.train.double().T.cov()).flip(0)[:64]
    assert embedded.shape == (300, 64)
    assert embedded.var(0).tolist() == pytest.approx(truth.tolist(), rel=1e-6)
    assert embedded.mean(0).abs().max() < 1e-9


def test_there_are_fewer_components_than_training_rows():
    data = splits(9, 6, 6)
    assert embedding(data)(data.test).shape == (9, 8)


def test_the_space_depends_on_training_rows_alone_and_repeats_to_the_bit():
    data = splits(200, 10, 10)
    blank = torch.zeros_like(data.test)
    other = Splits(
        train=data.train, validation=blank, test=blank, kind="images", image_shape=(10, 10)
    )
    assert torch.equal(embedding(data)(data.test), embedding(other)(data.test))


def test_each_row_is_embedded_alone():
    data = splits(200, 10, 10)
    project = embedding(data)
    # products of other shapes may round otherwise
    assert torch.allclose(project(data.test)[7:8], project(data.test[7:8]), atol=1e-12)
