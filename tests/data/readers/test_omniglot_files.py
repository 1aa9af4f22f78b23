"""Omniglot's arrays: each form of file made here in small, right and wrong."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from fmnbench.data.readers.omniglot_files import Counts, from_lake, from_mat, from_pt
from fmnbench.data.readers.permutation import permutation
from fmnbench.errors import DataError

TINY = Counts(training=6, test=3)
SPLITS = ("train", "validation", "test")


def pixels(seed, *shape):
    """Returns grey values of little ink."""
    return np.random.default_rng(seed).uniform(0, 0.3, shape)


def same(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in SPLITS)


def tensors(*counts):
    return [torch.from_numpy(pixels(n, n, 1, 28, 28)).float() for n in counts]


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_torch_file_of_three_tensors_is_read_as_it_is(tmp_path):
    train, validation, test = tensors(4, 2, 3)
    torch.save([train, validation, test], tmp_path / "omniglot.pt")
    images = from_pt(tmp_path / "omniglot.pt", counts=TINY)
    assert np.array_equal(images.train, train.reshape(4, 784).numpy())
    assert np.array_equal(images.validation, validation.reshape(2, 784).numpy())
    assert np.array_equal(images.test, test.reshape(3, 784).numpy())
    assert images.train.dtype == np.float32
    assert not images.binary


def test_labels_in_turn_with_the_images_of_a_torch_file_are_left_out(tmp_path):
    parts = tensors(4, 2, 3)
    torch.save(parts, tmp_path / "three.pt")
    torch.save([x for part in parts for x in (part, torch.arange(len(part)))], tmp_path / "six.pt")
    three, six = (from_pt(tmp_path / f"{name}.pt", counts=TINY) for name in ("three", "six"))
    assert same(three, six)


def test_a_torch_file_of_bits_says_so(tmp_path):
    torch.save([(part > 0.2).float() for part in tensors(4, 2, 3)], tmp_path / "bits.pt")
    assert from_pt(tmp_path / "bits.pt", counts=TINY).binary


def test_a_torch_file_with_code_is_refused_and_the_code_does_not_run(tmp_path):
    torch.save([Trap(tmp_path / "ran"), 1, 2], tmp_path / "omniglot.pt")
    with pytest.raises(DataError, match=r"would run code when read.*refused") as caught:
        from_pt(tmp_path / "omniglot.pt")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


def test_a_bare_pickle_with_code_is_refused_and_the_code_does_not_run(tmp_path):
    (tmp_path / "omniglot.pt").write_bytes(pickle.dumps(Trap(tmp_path / "ran")))
    with pytest.raises(DataError, match="refused"):
        from_pt(tmp_path / "omniglot.pt")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (tensors(4, 2), "holds a list of 2; expected omniglot.pt, a list of 3"),
        ({"train": 1}, "holds a dict"),
        ([part.reshape(-1, 28, 28, 1) for part in tensors(4, 2, 3)], r"shape \(4, 28, 28, 1\)"),
        ([part.to(torch.uint8) for part in tensors(4, 2, 3)], "uint8 of shape"),
        (tensors(4, 2, 4), "6 training and validation images and 4 test images; expected 6 and 3"),
        ([255 * part for part in tensors(4, 2, 3)], r"train split has values from 0\.\d+ to 76"),
        ([part / 0 for part in tensors(4, 2, 3)], "values from inf to inf"),
        ([1 - part for part in tensors(4, 2, 3)], "mean of 0.8..; expected ink = 1"),
    ],
)
def test_a_torch_file_of_another_content_is_refused_in_one_line(tmp_path, content, message):
    torch.save(content, tmp_path / "omniglot.pt")
    with pytest.raises(DataError, match=message) as caught:
        from_pt(tmp_path / "omniglot.pt", counts=TINY)
    assert "omniglot.pt" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("parse", [from_pt, from_mat, lambda path: from_lake([path])])
def test_files_that_are_cut_off_empty_missing_or_web_pages_are_refused(tmp_path, parse):
    torch.save(tensors(4, 2, 3), tmp_path / "whole.pt")
    savemat(tmp_path / "whole.mat", {"data": pixels(0, 784, 6), "testdata": pixels(1, 784, 3)})
    with zipfile.ZipFile(tmp_path / "whole.zip", "w") as archive:
        archive.writestr("Latin/character01/0001_01.png", bytes(1_000))
    for whole in sorted(tmp_path.glob("whole.*")):
        content = whole.read_bytes()
        for length in (10, len(content) // 2, len(content) - 30):
            (tmp_path / "cut").write_bytes(content[:length])
            with pytest.raises(DataError, match="cut") as caught:
                parse(tmp_path / "cut")
            assert "\n" not in str(caught.value)
    (tmp_path / "page").write_bytes(b"<!DOCTYPE html><title>Google Drive - Quota</title>")
    with pytest.raises(DataError, match="page is an HTML page titled 'Google Drive"):
        parse(tmp_path / "page")
    (tmp_path / "nothing").touch()
    with pytest.raises(DataError, match="nothing is an empty file"):
        parse(tmp_path / "nothing")
    with pytest.raises(DataError, match="absent cannot be read"):
        parse(tmp_path / "absent")


def test_columns_of_the_matlab_file_become_rows_of_pixels(tmp_path):
    grey = pixels(0, 9, 28, 28)
    columns = np.stack([image.T.ravel() for image in grey], axis=1)
    content = {"data": columns[:, :6], "testdata": columns[:, 6:], "target": np.eye(6)}
    savemat(tmp_path / "chardata.mat", content)
    images = from_mat(tmp_path / "chardata.mat", counts=TINY, validation=2)
    expected = grey.reshape(9, 784).astype(np.float32)
    assert np.array_equal(images.test, expected[6:])
    order = permutation(6, "omniglot/validation")
    assert np.array_equal(images.train, expected[order[:4]])
    assert np.array_equal(images.validation, expected[order[4:]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"data": pixels(0, 6, 784), "testdata": pixels(1, 3, 784)}, r"shape \(6, 784\)"),
        ({"data": pixels(0, 784, 6)}, "testdata is no such array"),
        ({"data": pixels(0, 784, 5), "testdata": pixels(1, 784, 3)}, "has 5 training"),
        ({"data": 255 * pixels(0, 784, 6), "testdata": pixels(1, 784, 3)}, "to 76"),
        ({"data": np.full((784, 6), "a"), "testdata": pixels(1, 784, 3)}, "data is|no numbers"),
    ],
)
def test_a_matlab_file_of_another_content_is_refused_in_one_line(tmp_path, content, message):
    savemat(tmp_path / "chardata.mat", content)
    with pytest.raises(DataError, match=message) as caught:
        from_mat(tmp_path / "chardata.mat", counts=TINY, validation=2)
    assert "chardata.mat" in str(caught.value)
    assert "\n" not in str(caught.value)
