"""Runs of the embedded digits by the command, for the tests of its verbs."""

from pathlib import Path

import pytest

from fmnbench.records.store import Store

DIGITS = ["run", "--suite", "quick", "--dataset", "digits", "--objective", "elbo", "--epochs", "1"]
TRACK = "digits-mlp+epochs=1"


def contents(folder):
    """Returns the files below a folder with the times of their last change."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def plugin():
    """Returns a file of critics whose runs end badly."""
    return Path(__file__).with_name("bad_critics.py")


@pytest.fixture(scope="session")
def done_store(tmp_path_factory, exit_code):
    """Returns a store with two good runs of one row and one of another."""
    folder = tmp_path_factory.mktemp("done") / "records"
    assert exit_code(*DIGITS, "--critic", "none", "--seeds", "2", "--store", folder) == 0
    assert exit_code(*DIGITS, "--critic", "self", "--store", folder) == 0
    return folder


@pytest.fixture
def results():
    """Returns a function that reads a store's results by critic and seed."""

    def read(folder):
        found, errors = Store(folder).results()
        assert errors == []
        return {(result.spec.critic, result.spec.seed): result for result in found}

    return read
