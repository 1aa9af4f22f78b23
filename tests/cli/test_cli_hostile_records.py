"""A store with a record that somebody forged, or with no file at all in its place."""

import math
import os
import socket

import pytest
from forged import forged

from fmnbench.records.store import Store

VERBS = {
    "list": ("results", "list"),
    "report": ("report", "--format", "json"),
    "export": ("results", "export", "all.zip"),
}


def learning_rate(fields):
    fields["spec"]["track"]["learning_rate"] = math.nan


def weight(fields):
    fields["spec"]["lambda_"] = 10**400


def setting(fields):
    fields["spec"]["critic_settings"] = {"temperature": math.inf}


def metric(fields):
    fields["metrics"]["nll"] = math.nan


def seconds(fields):
    fields["provenance"]["seconds"] = -math.inf


@pytest.fixture
def store(make_result, tmp_path, monkeypatch):
    """Returns a store of one good record of seed 0, and the path of another one, of seed 1."""
    monkeypatch.chdir(tmp_path)
    store = Store(tmp_path / "results")
    store.save(make_result(metrics={"nll": 1.5}))
    return store, store.save(make_result(seed=1, metrics={"nll": 2.5}))


@pytest.mark.parametrize("arguments", VERBS.values(), ids=VERBS)
@pytest.mark.parametrize("change", [learning_rate, weight, setting, metric, seconds])
def test_a_record_with_a_number_that_is_not_finite_is_named_and_the_others_are_shown(
    store, fmnbench, change, arguments
):
    good, path = store
    path.write_bytes(forged(path.read_bytes(), change))
    done = fmnbench(*arguments, "--store", good.folder)
    assert done.code == 1
    assert f"{path}: not a record: " in done.complaint
    assert "1.5" in done.out or "1 record is in all.zip" in done.out or "toy-mlp" in done.out


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder"])
def test_what_is_no_regular_file_is_named_and_does_not_hang(store, fmnbench, kind, monkeypatch):
    good, path = store
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        monkeypatch.chdir(path.parent)  # the address of a socket is short
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(path.name)
        monkeypatch.undo()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    done = fmnbench("results", "list", "--store", good.folder)
    assert done.code == 1
    assert f"{path}: cannot be read: " in done.complaint
    assert "toy-mlp" in done.out


EXTREME = ("nll", "kl", "mi_lower", "mi_ceiling", "reference.nll", "z_dependence", "ppl")


@pytest.mark.parametrize("form", ["rich", "markdown", "html", "csv", "json"])
@pytest.mark.parametrize("value", [1.7e308, -1.7e308, 1e200, 1e99, 5e-324])
def test_values_at_the_ends_of_the_numbers_are_shown_or_named(
    make_result, tmp_path, fmnbench, form, value
):
    store = Store(tmp_path / "results")
    for seed, factor in enumerate((1.0, -1.0, 0.5)):
        for critic in ("none", "self"):
            metrics = dict.fromkeys(EXTREME, value * factor)
            timings = {"train": abs(value), "train.processor": abs(value) * (seed / 2)}
            weight = 1e308 * (critic == "self")
            fields = {"critic": critic, "lambda_": weight, "timings": timings}
            store.save(make_result(seed=seed, metrics=metrics, **fields))
    done = fmnbench("report", "--store", store.folder, "--format", form)
    assert (done.code, done.err) == (0, "")
    if abs(value) > 1e100:
        named = f"no nll: its value, {value:g}, is beyond ± 1e+100"
        assert named in " ".join(done.out.replace("\\", "").split())
