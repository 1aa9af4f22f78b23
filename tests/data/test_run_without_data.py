"""Runs without data are skipped, with the command that installs them; the others go on."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import fmnbench as package
from fmnbench.data.acquire import import_files
from fmnbench.data.identity import NOT_INSTALLED
from fmnbench.errors import MachineError
from fmnbench.planning.plan import Selection, plan, tasks
from fmnbench.runs.run import Conditions, execute

SUITE = """
title = "T"
citation = "C"

[[tracks]]
name = "drawings"
dataset = "omniglot"
architecture = "mlp"
architecture_settings = { hidden = [8], latent = 2, likelihood = "bernoulli" }
epochs = 1
batch_size = 16
learning_rate = 1e-3
nll_samples = 5
critics = ["none"]

[[tracks]]
name = "toy"
dataset = "toy"
dataset_settings = { rows_per_class = 20 }
architecture = "mlp"
architecture_settings = { hidden = [8], latent = 2 }
epochs = 1
batch_size = 64
learning_rate = 1e-3
nll_samples = 5
critics = ["none"]
"""
GET = (
    "Dataset 'omniglot' is not installed; get it: fmnbench data fetch omniglot, or import: "
    "fmnbench data import omniglot images_background.zip images_evaluation.zip"
)


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def suite(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(SUITE)
    return path


@pytest.fixture
def started(cache, suite, tmp_path):
    """Returns what runs the suite in a process of its own, so that its workers see the cache."""

    def run():
        done = subprocess.run(
            [sys.executable, "-m", "fmnbench", "run", "--suite", suite, "--store", "records"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(package.__file__).parents[1])},
            capture_output=True,
            text=True,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return run


def records(folder):
    return sorted(path.parent.name for path in (folder / "records").glob("*/*.json"))


@pytest.mark.slow
def test_runs_without_data_are_skipped_until_they_are_there(started, drawings, packed, tmp_path):
    first = started()
    assert (first.code, first.err) == (0, "")
    lines = [line.split() for line in first.out.splitlines()]
    assert lines[2] == ["drawings", "VAE", "0", "of", "1", "0", "1"]
    assert lines[3][:5] == ["toy", "VAE", "1", "of", "1"]
    assert first.out.splitlines()[4] == f"1 run skipped: {GET}"
    assert first.out.endswith("1 of 2 runs done; their records are in records.\n")
    assert records(tmp_path) == ["toy"]
    installed = import_files("omniglot", [packed(drawings(), "images.zip")])
    second = started()
    assert (second.code, second.err) == (0, "")
    assert "run skipped" not in second.out
    assert second.out.endswith("2 of 2 runs done; their records are in records.\n")
    assert records(tmp_path) == ["drawings", "toy"]
    (path,) = (tmp_path / "records" / "drawings").glob("*.json")
    record = json.loads(path.read_text())
    assert record["status"] == "done"
    assert record["spec"]["dataset_fingerprint"] == installed.sha256
    assert record["provenance"]["dataset_sha256"] == installed.sha256


def test_a_dry_run_says_what_would_be_skipped(cache, suite, fmnbench, tmp_path):
    options = ["--dry-run", "--seeds", "3", "--store", tmp_path / "records"]
    done = fmnbench("run", "--suite", suite, *options)
    assert (done.code, done.err) == (0, "")
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[1][:6] == ["drawings", "VAE", "0-2", "0", "3", "0"]
    assert lines[2][:6] == ["toy", "VAE", "0-2", "0", "0", "3"]
    assert "3 runs to do, 0 in the store, 3 skipped.\n" in done.out
    assert f"3 runs skipped: {GET}\n" in done.out
    assert not (tmp_path / "records").exists()


def test_where_all_data_are_missing_nothing_is_run_and_that_is_a_failure(
    cache, suite, fmnbench, tmp_path
):
    chosen = ["--dataset", "omniglot", "--store", tmp_path / "records"]
    done = fmnbench("run", "--suite", suite, *chosen)
    assert (done.code, done.err) == (1, "")
    assert f"1 run skipped: {GET}\n0 of 1 run done; " in done.out
    assert records(tmp_path) == []


def test_a_plan_says_which_tracks_lack_their_data(cache, suite, drawings, packed):
    selection = Selection(suites=[str(suite)])
    before = plan(tasks(selection), [0, 1])
    assert before.missing == {"drawings": GET}
    assert len(before.specs) == 4
    import_files("omniglot", [packed(drawings(), "images.zip")])
    after = plan(tasks(selection), [0, 1])
    assert after.missing == {}
    keys = [
        [spec.key for spec in made.specs if spec.track.name == "toy"] for made in (before, after)
    ]
    assert keys[0] == keys[1]


def test_runs_of_data_that_nothing_is_known_of_have_a_key_that_no_record_will_have(
    cache, suite, texts, laid
):
    suite.write_text(SUITE.replace('"omniglot"', '"snli"'))
    selection = Selection(suites=[str(suite)], datasets=["snli"])
    (before,) = plan(tasks(selection), [0]).specs
    assert before.dataset_fingerprint == NOT_INSTALLED
    installed = import_files("snli", laid(texts()))
    (after,) = plan(tasks(selection), [0]).specs
    assert after.dataset_fingerprint == installed.sha256
    assert after.key != before.key


def test_data_that_changed_since_the_plan_are_no_runs_fault(
    cache, suite, drawings, packed, tmp_path
):
    import_files("omniglot", [packed(drawings(), "one.zip")])
    chosen = tasks(Selection(suites=[str(suite)], datasets=["omniglot"]))
    (spec,) = plan(chosen, [0]).specs
    installed = import_files(
        "omniglot", [packed(drawings(characters=(1, 2, 4)), "other.zip")], replace=True
    )
    cause = r"^The data of 'omniglot' have changed; see: fmnbench data verify omniglot$"
    with pytest.raises(MachineError, match=cause):
        execute(spec, Conditions(), work=tmp_path / "work", report=lambda *_: None)
    (spec,) = plan(chosen, [0]).specs
    assert spec.dataset_fingerprint == installed.sha256


def test_data_that_went_since_the_plan_are_no_runs_fault(cache, suite, drawings, packed, tmp_path):
    import_files("omniglot", [packed(drawings(), "one.zip")])
    (spec,) = plan(tasks(Selection(suites=[str(suite)], datasets=["omniglot"])), [0]).specs
    (cache / "datasets/omniglot/account.json").unlink()
    with pytest.raises(MachineError, match=f"^{re.escape(GET)}$"):
        execute(spec, Conditions(), work=tmp_path / "work", report=lambda *_: None)
