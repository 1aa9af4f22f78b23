"""Records run again: what counts as equal, as near, and as different."""

import dataclasses

import pytest

from fmnbench.planning.plan import plan
from fmnbench.records.store import Store
from fmnbench.runs.campaign import carry_out
from fmnbench.runs.executors.base import RunOptions
from fmnbench.runs.verify import verify
from fmnbench.spec import Task, Track

TRACK = Track(
    name="tiny",
    dataset="toy",
    dataset_settings={"rows_per_class": 20},
    architecture="mlp",
    architecture_settings={"hidden": (8,), "latent": 2},
    epochs=1,
    batch_size=64,
    learning_rate=1e-3,
    nll_samples=5,
)


def silent(event):
    del event


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Returns the records of one row with two seeds, and how they were made."""
    store = tmp_path_factory.mktemp("verify") / "records"
    options = RunOptions(store=store, jobs=1)
    outcome = carry_out(plan([Task(track=TRACK, critic="none")], [0, 1]), options, silent)
    return list(outcome.results.values()), options


def changed(result, by, **provenance):
    values = {**result.metrics, "nll": result.metrics["nll"] + by}
    origin = dataclasses.replace(result.provenance, **provenance)
    return dataclasses.replace(result, metrics=values, provenance=origin)


def test_an_honest_record_comes_out_equal_to_the_bit(made):
    results, options = made
    (found,) = verify(results[:1], results, options, {}, silent)
    assert (found.outcome, found.differences, found.reason) == ("equal", (), "")


def test_a_difference_is_held_against_the_tolerance_and_elsewhere_against_the_spread(made):
    (first, second), options = made
    spread = abs(first.metrics["nll"] - second.metrics["nll"]) / 2**0.5
    other = {"device_name": "another processor"}
    for record, tolerances, outcome in (
        (changed(first, 1e-7), {}, "within tolerance"),
        (changed(first, 1e-3 * first.metrics["nll"]), {}, "different"),
        (changed(first, 1e-3 * first.metrics["nll"]), {"tiny": 2e-3}, "within tolerance"),
        (changed(first, spread / 2, **other), {}, "within the spread"),
        (changed(first, 9 * spread, **other), {}, "different"),
    ):
        (found,) = verify([record], [first, second], options, tolerances, silent)
        assert found.outcome == outcome
        assert found.differences[0].metric == "nll"
        assert found.differences[0].spread == pytest.approx(spread)


def test_a_record_of_older_code_is_not_run_and_says_what_has_changed(made):
    (first, _), options = made
    old = dataclasses.replace(first.spec, versions={**first.spec.versions, "training": "0"})
    record = dataclasses.replace(first, spec=old)
    (found,) = verify([record], [record], options, {}, silent)
    assert found.outcome == "not run"
    assert "training 0 → 1" in found.reason


def test_the_command_says_which_records_differ_and_leaves_the_store_as_it_is(
    made, tmp_path, fmnbench
):
    (first, second), _ = made
    store = Store(tmp_path / "records")
    store.save(first)
    store.save(changed(second, 1.0))
    before = {path: path.read_bytes() for path in store.paths()}
    done = fmnbench("results", "verify", "--track", "tiny", "--store", store.folder)
    assert done.code == 1
    assert f"{first.spec.key} tiny VAE seed 0: equal" in done.out
    assert "tiny VAE seed 1: different (1 metric differs; most nll: " in done.out
    assert "1 of 2 records verified." in done.out
    assert {path: path.read_bytes() for path in store.paths()} == before
    assert fmnbench("results", "verify", "--store", store.folder).code == 2
    key = first.spec.key[:8]
    assert fmnbench("results", "verify", key, "--store", store.folder).code == 0
