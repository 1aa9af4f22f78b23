"""`fmnbench.run` and `fmnbench.load`."""

import math
import subprocess
import sys

import pytest
from digits_runs import TRACK

import fmnbench as package
from fmnbench.errors import UsageError
from fmnbench.records.frames import RUN_COLUMNS
from fmnbench.records.store import Store
from fmnbench.runs.campaign import Outcome
from fmnbench.spec import Result

CHOSEN = {"suite": "quick", "dataset": "digits", "objectives": "elbo", "epochs": 1}


def test_runs_are_carried_out_and_then_come_from_the_store(tmp_path):
    kinds = []
    first = package.run(
        **CHOSEN,
        critics=["none", "self"],
        seeds=[3],
        store=tmp_path,
        listen=lambda event: kinds.append(event.kind),
    )
    assert isinstance(first, Outcome)
    assert first.is_good
    assert [result.spec.critic for result in first.done] == ["none", "self"]
    assert [spec.seed for spec in first.specs] == [3, 3]
    assert first.stored == frozenset()
    assert sorted(kinds) == sorted(["started", "epoch", "finished"] * 2)
    again = package.run(**CHOSEN, critics=["none", "self"], seeds=[3], store=tmp_path)
    assert again.results == first.results
    assert again.stored == first.results.keys()


def test_records_are_read_as_frames(done_store, results):
    found = results(done_store)
    records = package.load(done_store)
    assert records.errors == ()
    assert tuple(records.runs.columns[: len(RUN_COLUMNS)]) == RUN_COLUMNS
    by_name = records.runs.set_index(["critic", "seed"])
    for name, result in found.items():
        row = by_name.loc[name]
        assert row["key"] == result.spec.key
        assert row["track"] == TRACK
        assert row["lambda"] == result.spec.lambda_
        assert row["seconds"] == result.provenance.seconds
        for metric, value in result.metrics.items():
            assert row[metric] == value
        (epoch,) = records.curves[records.curves["key"] == result.spec.key].to_dict("records")
        assert epoch["epoch"] == 1
        assert epoch["loss"] == result.curve[0]["loss"]
        values = records.rows[result.spec.key]
        # float32 holds each value to 6e-8 of it; the mean of 360 is no further off
        assert float(values.mean(dtype="float64")) == pytest.approx(row["nll"], rel=1e-7)
    assert len(records.rows) == len(found)


def test_a_record_without_a_metric_has_nan_there_and_a_broken_one_is_an_error(
    tmp_path, make_result
):
    store = Store(tmp_path)
    store.save(make_result(metrics={"nll": 2.5}))
    store.save(make_result(seed=1, status="failed", error="no such luck"))
    store.save(make_result(seed=2)).write_bytes(b"{")
    runs, curves, errors, rows = package.load(tmp_path)
    assert runs.set_index("seed")["nll"][0] == 2.5
    assert math.isnan(runs.set_index("seed")["nll"][1])
    assert curves.empty
    assert len(errors) == 1
    assert len(rows) == 0


def test_an_entry_of_a_curve_without_its_epoch_is_left_out_and_named(tmp_path, make_result):
    curve = ({"epoch": 1.0, "loss": 3.0}, {"loss": 2.0}, {"epoch": 3.0, "key": 1.0, "loss": 1.0})
    path = Store(tmp_path).save(make_result(curve=curve))
    _, curves, errors, _ = package.load(tmp_path)
    assert curves[["key", "epoch", "loss"]].values.tolist() == [
        [path.stem, 1, 3.0],
        [path.stem, 3, 1.0],
    ]
    assert [str(error) for error in errors] == [
        f"toy-mlp/{path.stem}: there is no epoch in entry 2 of its curve"
    ]


def test_wrong_names_and_an_empty_selection_are_usage_errors(tmp_path):
    with pytest.raises(UsageError, match="Did you mean 'self'"):
        package.run(suite="quick", critics="slef", store=tmp_path)
    with pytest.raises(UsageError, match="Say what to run"):
        package.run(store=tmp_path)
    with pytest.raises(UsageError, match="at least one seed"):
        package.run(**CHOSEN, seeds=0, store=tmp_path)
    with pytest.raises(UsageError, match="There is no store"):
        package.load(tmp_path / "none")


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, fmnbench; assert {'run', 'load'} <= set(dir(fmnbench));"
        "print(*sorted(m for m in sys.modules if m.split('.')[0] in "
        "('fmnbench', 'torch', 'pandas', 'numpy', 'pydantic')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["fmnbench"]
    with pytest.raises(AttributeError, match="has no attribute 'runn'"):
        _ = package.runn


def test_results_are_plain_values(done_store, results):
    outcome = package.run(**CHOSEN, critics="none", seeds=2, store=done_store)
    assert all(isinstance(result, Result) for result in outcome.results.values())
    assert {each.spec.seed for each in outcome.results.values()} == {0, 1}
