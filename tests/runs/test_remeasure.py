"""Metrics that came or changed after a run: computed from the weights that were kept of it."""

import dataclasses
import shutil

import numpy as np
import pytest
import torch
from digits_runs import DIGITS, TRACK, contents
from safetensors.torch import load_file, save_file

from fmnbench.planning.plan import Plan, Selection, plan, tasks
from fmnbench.records.definitions import FIRST
from fmnbench.records.rows import likelihoods
from fmnbench.records.store import Store
from fmnbench.runs.campaign import carry_out
from fmnbench.runs.executors.base import RunOptions

PLUGIN = """
import torch

from fmnbench.registry import metrics


@metrics.register("mine", unit="nats", better="lower")
def mine(evaluation):
    '''Draws from a stream of its own and from the global generator.'''
    noise = torch.randn(evaluation.z.shape, generator=evaluation.stream("mine"))
    return ((evaluation.z + noise + torch.rand(1)) ** 2).mean().item()
"""
EDITED = PLUGIN.replace("** 2", "** 4")
RAISING = PLUGIN.replace("noise =", "raise ValueError('no such luck')\n    noise =")
LOST = PLUGIN.replace("noise =", "__import__('os')._exit(3)\n    noise =")
HANGING = PLUGIN.replace("noise =", "__import__('time').sleep(600)\n    noise =")


@pytest.fixture
def store(done_store, tmp_path):
    """Returns a copy of a store with two runs of the plain VAE and one of the self critic."""
    shutil.copytree(done_store, tmp_path / "records")
    return Store(tmp_path / "records")


@pytest.fixture
def command(store, tmp_path, fmnbench, registers):
    """Returns `fmnbench run` of the stored rows with a plug-in of the given text."""

    def call(text, *more, folder=store.folder):
        for registry in registers.values():  # as a new process knows no plug-in
            registry._entries = {
                name: entry for name, entry in registry._entries.items() if name != "mine"
            }
            registry._objects.pop("mine", None)
        path = tmp_path / "mine.py"
        path.write_text(text)
        critics = ["--critic", "none", "--critic", "self", "--seeds", "1"]
        return fmnbench(*DIGITS, *critics, "--plugin", path, "--store", folder, *more)

    return call


def read(store):
    results, errors = store.results()
    assert errors == []
    return {(result.spec.critic, result.spec.seed): result for result in results}


def test_a_new_and_an_edited_metric_get_the_values_of_a_fresh_run_and_nothing_else_moves(
    store, command, tmp_path
):
    before = read(store)
    for text in (PLUGIN, EDITED):
        done = command(text)
        assert (done.code, done.err) == (0, "")
        assert "\n2 records measured again: mine\n2 of 2 runs done" in done.out
        assert command(text, folder=tmp_path / text[-9:-8] / "fresh").code == 0
        fresh = read(Store(tmp_path / text[-9:-8] / "fresh"))
        after = read(store)
        for name, result in fresh.items():
            assert after[name].metrics == result.metrics
            assert after[name].metric_versions == result.metric_versions
            assert after[name].provenance.plugins == result.provenance.plugins
            assert after[name].curve == before[name].curve
            assert after[name].provenance.started == before[name].provenance.started
            times = after[name].timings
            assert times.items() >= before[name].timings.items()
            assert times.keys() - before[name].timings.keys() == {"metric.mine"}
        assert after["none", 1] == before["none", 1]  # which was not asked for
    assert "measured again" not in command(EDITED).out


def test_a_metric_that_came_later_is_a_column_after_the_next_run(store, command, fmnbench):
    report = ["report", "--store", store.folder, "--format", "csv"]
    assert ",mine," not in fmnbench(*report).out
    assert "2 records to be measured again: mine\n" in command(PLUGIN, "--dry-run").out
    assert ",mine," not in fmnbench(*report).out
    command(PLUGIN)
    lines = [
        line for line in fmnbench(*report, "--seeds", "1").out.splitlines() if ",mine," in line
    ]
    values = [result.metrics["mine"] for key, result in read(store).items() if key[1] == 0]
    assert [float(line.split(",mine,nats,lower,1,")[1].split(",")[0]) for line in lines] == values


def test_without_weights_a_record_keeps_its_bytes_and_its_lack_is_said(store, command):
    shutil.rmtree(store.folder / ".weights")
    before = contents(store.folder)
    for more in ((), ("--dry-run",)):
        done = command(PLUGIN, *more)
        assert (done.code, done.err) == (0, "")
        assert (
            "\n2 records lack the present mine: the weights of these runs are not kept here\n"
            in done.out
        )
        assert contents(store.folder) == before


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda path: path.write_bytes(b"{"), "has not the weights of this run: "),
        (
            lambda path: save_file({n: 2 * w for n, w in load_file(path).items()}, path),
            "has not the weights of this run: its ELBO is ",
        ),
        (lambda path: save_file({"a": torch.zeros(2)}, path), "Missing key(s)"),
    ],
    ids=["damaged", "of another model", "of another architecture"],
)
def test_weights_that_are_not_those_of_the_run_measure_nothing(spoil, why, store, command):
    before = read(store)
    path = store.weights(before["self", 0].spec.key)
    spoil(path)
    done = command(PLUGIN)
    assert done.code == 1
    assert "\n1 record measured again: mine\n" in done.out
    (line,) = [
        line for line in done.out.splitlines() if "1 record lacks the present mine: " in line
    ]
    assert str(path) in line
    assert why in line or "has not the weights of this run: Error(s) in loading" in line
    assert read(store)["self", 0] == before["self", 0]


@pytest.mark.parametrize(
    ("text", "more", "why"),
    [
        (LOST, (), "the worker process was lost: exit code 3"),
        (HANGING, ("--timeout", "3"), "not done after 3 s"),
    ],
    ids=["lost", "late"],
)
def test_a_worker_that_is_lost_while_it_measures_leaves_the_record(
    text, more, why, store, command
):
    before = read(store)
    done = command(text, *more)
    assert done.code == 1
    assert f"\n2 records lack the present mine: {why}\n" in done.out
    assert read(store) == before


def test_a_metric_that_breaks_is_recorded_as_broken_and_not_tried_again(store, command):
    command(PLUGIN)
    assert "2 records measured again: mine\n" in command(RAISING).out
    result = read(store)["none", 0]
    assert "mine" not in result.metrics
    assert result.broken["mine"].startswith("ValueError: no such luck (mine.py:")
    assert "measured again" not in command(RAISING).out
    assert command(PLUGIN).code == 0
    assert "mine" in read(store)["none", 0].metrics
    assert read(store)["none", 0].broken == {}


def test_the_reports_metrics_are_measured_where_a_track_asks_for_them_later(store):
    chosen = Selection(suites=["quick"], datasets=["digits"], critics=["self"], epochs=1)
    (spec,) = plan(tasks(chosen), [0]).specs
    before = store.get(spec.track.name, spec.key)
    track = dataclasses.replace(spec.track, report_metrics=True)
    asking = Plan(specs=(dataclasses.replace(spec, track=track),))
    outcome = carry_out(asking, RunOptions(store=store.folder), lambda _event: None)
    names = {name for name in FIRST if name.startswith("report.")}
    assert {key: set(found) for key, found in outcome.measured.items()} == {spec.key: names}
    after = store.get(spec.track.name, spec.key)
    assert after.metrics.keys() == before.metrics.keys() | names
    assert before.metrics.items() < after.metrics.items()


def test_rows_stay_where_another_metric_is_measured_and_are_anew_with_the_nll(store, command):
    before = read(store)["none", 0]
    command(PLUGIN)
    kept = read(store)["none", 0]
    assert kept.rows == before.rows
    assert np.array_equal(likelihoods(store, kept), likelihoods(store, before))
    outdated = dataclasses.replace(
        kept, rows=None, metric_versions={**kept.metric_versions, "nll": "0"}
    )
    store.save(outdated, replace=True)
    store.rows(TRACK, kept.spec.key).unlink()
    assert "1 record measured again: nll" in command(PLUGIN).out
    after = read(store)["none", 0]
    assert after.metrics["nll"] == before.metrics["nll"]
    assert after.rows == before.rows
    assert likelihoods(store, after) is not None
