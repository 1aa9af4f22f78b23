"""Omniglot as models see it: bits, whatever the files were."""

import numpy as np
import pyarrow as pa
import pytest
import torch

from fmnbench.data.acquire import import_files
from fmnbench.data.cache import SPLITS, CachedData, _write, cached_data
from fmnbench.data.identity import declared, measured
from fmnbench.data.readers.omniglot_images import Images
from fmnbench.data.readers.tables import of_images
from fmnbench.datasets.omniglot import Omniglot
from fmnbench.registry import datasets
from fmnbench.rng import stream

ROWS = (50, 2_000, 1_000)
PARTS = ("train", "validation", "test")


@pytest.fixture
def levels():
    """Returns the grey value of each pixel, the same in all rows."""
    return np.random.default_rng(0).uniform(0, 0.6, 784).astype(np.float32)


@pytest.fixture
def keep_pixels(tmp_path):
    """Returns a function that keeps pixels; it returns their folder as data of the cache."""

    def install(parts, binary):
        images = Images(**dict(zip(PARTS, parts, strict=True)), binary=binary, source="", form="")
        folder = tmp_path / "data"
        _write(of_images(images).tables, folder)
        return CachedData(folder=folder, kind="images", binary=binary)

    return install


def test_grey_rows_that_choose_and_test_become_bits_as_often_as_they_are_grey(keep_pixels, levels):
    data = keep_pixels([np.tile(levels, (rows, 1)) for rows in ROWS], binary=False)
    splits = Omniglot().splits(data)
    for part in (splits.validation, splits.test):
        assert part.dtype == torch.float32
        assert set(part.unique().tolist()) == {0.0, 1.0}
        frequency = part.double().mean(0).numpy()
        # of the mean of as many bits: four standard errors in all but 0.05 of 784 pixels
        error = np.sqrt(levels * (1 - levels) / len(part))
        assert (np.abs(frequency - levels) > 4 * error).sum() <= 1
        # and the mean over all pixels, whose error is 28 times smaller
        spread = np.sqrt((error**2).mean() / 784)
        mean = float(levels.mean(dtype=np.float64))
        assert float(frequency.mean()) == pytest.approx(mean, abs=4 * float(spread))
    # rows are not alike, nor are the two splits
    assert len(splits.test.unique(dim=0)) == ROWS[2]
    assert not torch.equal(splits.validation[: ROWS[2]], splits.test)


def test_the_bits_are_the_same_each_time(keep_pixels, levels):
    data = keep_pixels([np.tile(levels, (rows, 1)) for rows in ROWS], binary=False)
    first, second = (Omniglot().splits(data) for _ in range(2))
    for part in PARTS:
        assert torch.equal(getattr(first, part), getattr(second, part))


def test_grey_training_rows_stay_grey_and_are_drawn_anew_at_each_visit(keep_pixels, levels):
    grey = np.tile(levels, (50, 1))
    splits = Omniglot().splits(keep_pixels([grey, grey, grey], binary=False))
    assert splits.rebinarise
    assert np.array_equal(splits.train.numpy(), grey)
    generator = stream(0, "visits")
    one, other = (splits.visit(torch.arange(50), generator) for _ in range(2))
    assert set(one.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(one, other)


def test_bits_are_left_as_they_are(keep_pixels):
    bits = (np.random.default_rng(1).random((70, 784)) < 0.1).astype(np.float32)
    parts = bits[:30], bits[30:40], bits[40:]
    splits = Omniglot().splits(keep_pixels(parts, binary=True))
    assert not splits.rebinarise
    for part, truth in zip(PARTS, parts, strict=True):
        assert np.array_equal(getattr(splits, part).numpy(), truth)
    assert torch.equal(splits.visit(torch.arange(30), stream(0, "v")), splits.train)


def test_white_and_black_pixels_of_grey_rows_are_sure(keep_pixels):
    grey = np.zeros((20, 784), np.float32)
    grey[:, 0], grey[:, 1] = 1.0, 0.5
    splits = Omniglot().splits(keep_pixels([grey, grey, grey], binary=False))
    assert splits.test[:, 0].eq(1).all()
    assert splits.test[:, 2:].eq(0).all()


@pytest.mark.parametrize("side", [28, 105])
def test_imported_drawings_have_the_shape_and_kind_that_models_ask_for(
    side, cache, drawings, packed
):
    installed = import_files("omniglot", [packed(drawings(side), "images.zip")])
    splits = datasets.get("omniglot")().load()
    assert (splits.kind, splits.image_shape, splits.width) == ("images", (28, 28), 784)
    assert splits.rebinarise == (side == 105) == (not installed.binary)
    assert splits.derived == cached_data("omniglot").folder / "derived"
    assert measured(splits).sha256 == installed.sha256


def test_tables_of_several_chunks_are_read_in_order(keep_pixels):
    bits = (np.random.default_rng(2).random((9, 784)) < 0.1).astype(np.float32)
    data = keep_pixels([bits, bits, bits], binary=True)
    (path,) = (data.folder / "test").glob("*.arrow")
    table = pa.ipc.open_stream(path.read_bytes()).read_all()
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=4)
    assert len(data.column("test", "image").chunks) == 3
    assert np.array_equal(Omniglot().splits(data).test.numpy(), bits)


def test_the_real_small_images_are_the_declared_ones(real_cache, monkeypatch):
    monkeypatch.setenv("FMNBENCH_CACHE", str(real_cache("omniglot")))
    splits = datasets.get("omniglot")().load()
    assert [len(getattr(splits, split)) for split in SPLITS] == [22_345, 2_000, 8_115]
    assert not splits.rebinarise
    ink = splits.test.double().sum(1).mean().item()
    assert ink == pytest.approx(62.511, abs=0.0005)
    assert measured(splits).sha256 == declared("omniglot").sha256
