import dataclasses
import hashlib
import json
from importlib import resources

import numpy as np
import pytest
import torch

from fmnbench.data.identity import declared, fingerprint, measured, sha256, verify
from fmnbench.datasets import Splits
from fmnbench.errors import FmnbenchError, UsageError
from fmnbench.registry import datasets

GREY = {"binary": False}


@pytest.fixture
def splits():
    rows = torch.arange(12.0).reshape(6, 2)
    return Splits(train=rows[:3], validation=rows[3:5], test=rows[5:], kind="vectors")


@pytest.fixture
def small(registers):
    """Registers a dataset of three rows whose scale is a setting."""

    @datasets.register("small")
    class Small:
        """Three rows."""

        def __init__(self, *, scale: float = 1.0):
            if scale < 0:
                raise ZeroDivisionError("too small")
            self.scale = scale

        def load(self):
            rows = torch.full((1, 2), self.scale)
            return Splits(train=rows, validation=rows, test=rows, kind="vectors")


def test_the_sha256_is_that_of_the_bytes_in_the_order_train_validation_test(splits):
    content = np.arange(12, dtype=np.float32).tobytes()
    assert sha256(splits) == hashlib.sha256(content).hexdigest()
    swapped = dataclasses.replace(splits, train=splits.validation, validation=splits.train)
    assert sha256(swapped) != sha256(splits)


def test_one_changed_bit_or_another_type_is_another_sha256(splits):
    other = splits.test.clone()
    other.view(torch.int32)[0, 0] ^= 1
    assert sha256(dataclasses.replace(splits, test=other)) != sha256(splits)
    assert sha256(splits.to(torch.device("cpu"), torch.float64)) != sha256(splits)


def test_statistics_are_over_all_values_of_all_splits(splits):
    found = measured(splits)
    assert (found.rows, found.width) == ({"train": 3, "validation": 2, "test": 1}, 2)
    assert found.mean == 5.5
    assert found.variance == pytest.approx((12**2 - 1) / 12, rel=1e-15)  # of 0, ..., 11


@pytest.mark.parametrize("name", ["toy", "digits"])
def test_at_default_settings_the_fingerprint_is_the_declared_one(name):
    file = resources.files("fmnbench") / "datasets" / "stats" / f"{name}.json"
    expected = json.loads(file.read_text())["sha256"]
    assert fingerprint(name, datasets.settings(name)) == expected == declared(name).sha256


def test_at_other_settings_it_is_measured():
    splits = datasets.get("digits")(**GREY).load()
    assert fingerprint("digits", GREY) == sha256(splits)
    assert fingerprint("digits", GREY) != declared("digits").sha256


def test_a_dataset_that_nobody_declared_is_measured_and_accepted(small, splits):
    assert declared("small") is None
    rows = np.ones((3, 2), dtype=np.float32).tobytes()
    assert fingerprint("small", {"scale": 1.0}) == hashlib.sha256(rows).hexdigest()
    assert fingerprint("small", {"scale": 2.0}) != fingerprint("small", {"scale": 1.0})
    assert verify("small", {"scale": 1.0}, splits, "planned") == sha256(splits)


def test_a_dataset_that_cannot_be_loaded_is_the_users_to_mend(small):
    message = "^Dataset 'small' does not load with {\"scale\":-1.0}: ZeroDivisionError: too small$"
    with pytest.raises(UsageError, match=message):
        fingerprint("small", {"scale": -1.0})


def test_data_that_differ_in_the_last_bits_are_the_declared_ones_and_no_others():
    settings = datasets.settings("toy")
    splits = datasets.get("toy")(**settings).load()
    nearly = dataclasses.replace(splits, test=splits.test * (1 + 1e-12))
    assert verify("toy", settings, nearly, "planned") == sha256(nearly) != declared("toy").sha256
    scaled = dataclasses.replace(splits, test=splits.test * (1 + 1e-6))
    with pytest.raises(FmnbenchError, match=r"^Dataset 'toy' is not the one that is declared"):
        verify("toy", settings, scaled, "planned")
