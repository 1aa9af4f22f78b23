"""Folders that cannot be written: the sweep stops with one line, and goes on when they can."""

import os
import shutil
import subprocess

import pytest

from fmnbench.data.acquire import import_files
from fmnbench.data.cache import dataset_folder
from fmnbench.records.store import Store

NAME = "text/read-only"
SUITE = """
title = "T"
citation = "C"

[[tracks]]
name = "sentences"
dataset = "text"
dataset_settings = { name = "read-only", vocabulary = 5 }
architecture = "lstm"
architecture_settings = { latent = 2, embedding = 4, hidden = 4 }
epochs = 1
batch_size = 2
learning_rate = 1e-3
nll_samples = 2
critics = ["none"]
"""


@pytest.fixture
def closed():
    """Returns a function that makes a folder read-only, for root too, and one that opens all."""
    if os.geteuid() == 0 and shutil.which("chattr") is None:
        pytest.skip("root writes everywhere, and there is no chattr")
    changed = []

    def change(folder, mark, mode):
        if os.geteuid() != 0:
            folder.chmod(mode)
            return
        words = ["chattr", mark, str(folder)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"root writes everywhere, and {done.stderr.strip()}")

    def close(folder):
        folder.mkdir(parents=True, exist_ok=True)
        change(folder, "+i", 0o555)
        changed.append(folder)

    def reopen():
        while changed:
            change(changed.pop(), "-i", 0o755)

    yield close, reopen
    reopen()


@pytest.mark.parametrize("place", ["", ".work", "digits-mlp+epochs=1+nll_samples=2", ".weights"])
def test_a_store_that_is_read_only_stops_the_sweep_and_fails_no_run(
    place, faults, fmnbench, closed
):
    close, reopen = closed
    folder = faults.store.folder / place
    close(folder)
    done = fmnbench(*faults.words(""))
    assert done.code == (1 if place else 2)  # the store itself is looked at before anything starts
    line = done.err.splitlines()[-1]
    assert line.startswith(f"error: {folder}" if place else "error: The store ")
    assert " cannot be written: " in line
    assert "Traceback" not in done.err
    assert faults.store.results() == ([], [])
    reopen()
    assert fmnbench(*faults.words("")).code == 0
    (record,) = faults.store.results()[0]
    assert (record.status, record.history) == ("done", ())


def test_a_cache_that_is_read_only_stops_the_sweep_and_fails_no_run(tmp_path, fmnbench, closed):
    close, reopen = closed
    texts = tmp_path / "texts.txt"
    texts.write_text("a dog runs\na cat\n")
    made = import_files(NAME, [texts, texts, texts])  # where workers look, whoever started them
    folder = dataset_folder(NAME) / made.folder
    suite = tmp_path / "sentences.toml"
    suite.write_text(SUITE)
    words = ["run", "--suite", suite, "--store", tmp_path / "store"]
    close(folder)
    done = fmnbench(*words)
    assert done.code == 1
    line = done.err.splitlines()[-1]
    assert line.startswith(f"error: {folder}")
    assert " cannot be written: " in line
    assert Store(tmp_path / "store").results() == ([], [])
    reopen()
    assert fmnbench(*words).code == 0
    (record,) = Store(tmp_path / "store").results()[0]
    assert record.status == "done"
