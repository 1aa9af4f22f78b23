"""Runs whose components come up with what no record can hold still leave their record."""

import os
from pathlib import Path

import pytest
from digits_runs import DIGITS

from fmnbench.records.store import Store

PLUGIN = """
import torch
from fmnbench.critics import Critic
from fmnbench.registry import critics, metrics


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no words")

@critics.register("ending")
class Ending(Critic):
    def __init__(self, vae, *, error: str = "odd"):
        super().__init__(vae)
        self.error = error

    def forward(self, x, z, q):
        if self.error == "mute":
            raise Mute
        raise ValueError("red \\x1b[31m, half \\ud800,\\x00 and\\ntwo lines")


@metrics.register("half \\ud800")
def half(evaluation):
    return 1.0


@metrics.register("bell \\x07")
def bell(evaluation):
    return 2.0


@metrics.register("mute")
def mute(evaluation):
    raise Mute


@metrics.register("usage")
def usage(evaluation):
    from fmnbench.errors import UsageError
    raise UsageError("no such \\udfff thing")
"""


@pytest.fixture
def plugin(tmp_path, registers):
    path = tmp_path / "odd.py"
    path.write_text(PLUGIN)
    return path


@pytest.fixture
def record(tmp_path, plugin, fmnbench):
    def run(critic, *settings):
        store = tmp_path / "records"
        done = fmnbench(
            *DIGITS, "--critic", critic, *settings, "--plugin", plugin, "--store", store
        )
        (result,), errors = Store(store).results()
        assert errors == []
        assert all(line.isprintable() for line in (done.out + done.err).split("\n"))
        return result

    return run


def test_an_error_with_characters_that_are_none_is_recorded_with_these_escaped(record):
    result = record("ending")
    assert result.status == "failed"
    text = "red \\x1b[31m, half \\ud800,\\x00 and two lines"
    assert result.error == f"ValueError: {text} (odd.py:20)"


def test_an_error_without_a_text_is_recorded_by_its_type_and_place(record):
    result = record("ending", "--set", "error=mute")
    assert result.status == "failed"
    why = "its text cannot be had, as str() of it raises a RuntimeError"
    assert result.error == f"Mute: {why} (odd.py:19)"


def test_a_plugin_in_a_file_whose_name_is_no_unicode_is_recorded_by_an_escaped_name(
    tmp_path, registers, fmnbench
):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/half\xff.py"))
    path.write_text(PLUGIN)
    store = tmp_path / "records"
    fmnbench(*DIGITS, "--critic", "ending", "--plugin", path, "--store", store)
    (result,), _ = Store(store).results()
    assert list(result.provenance.plugins) == ["half\\udcff.py"]
    assert result.error.endswith("(half\\udcff.py:20)")


def test_metrics_with_odd_names_and_errors_cost_neither_the_training_nor_each_other(record):
    result = record("none")
    assert result.status == "done"
    assert {"nll", "elbo", "mi_lower"} <= result.metrics.keys()
    assert result.metrics["bell \\x07"] == 2.0
    assert result.broken["mute"].startswith("Mute: its text cannot be had")
    assert result.broken["usage"].startswith("UsageError: no such \\udfff thing (odd.py:")
    assert "UnicodeEncodeError" in result.broken["half \\ud800"]
