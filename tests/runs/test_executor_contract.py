"""What every executor keeps to: nothing that is finished is ever lost."""

import shutil
import threading
import time
from pathlib import Path

import pytest
from fault_runs import is_alive

from fmnbench.planning.plan import Plan
from fmnbench.records.store import Store
from fmnbench.runs.campaign import carry_out
from fmnbench.runs.executors.base import EXECUTORS, RunOptions
from fmnbench.runs.locking import locked
from fmnbench.spec import Result


@pytest.fixture(params=sorted(EXECUTORS))
def executor(request):
    return request.param


@pytest.fixture
def placed(faults, make_result):
    """Returns a function that lets another process end a run while it is under way."""

    def place(spec, **fields):
        result = Result(spec=spec, provenance=make_result().provenance, **fields)
        return Store(faults.folder / "placed").save(result)

    return place


def test_a_done_record_is_never_replaced_by_an_ending_that_is_not(executor, faults, placed):
    runs = faults.specs("place error", "place die", "place hang")
    paths = [placed(spec, status="done", metrics={"nll": 1.0}) for spec in runs]
    ends = faults.run_to_timeout(runs[2], executor) + faults.run(runs[:2], executor)
    for spec, path in zip(runs, paths, strict=True):
        assert faults.path(spec).read_bytes() == path.read_bytes()
    assert {(end.spec.key, end.status) for end in ends} == {(spec.key, "done") for spec in runs}


def test_a_finished_run_replaces_a_failed_record_that_came_meanwhile(executor, faults, placed):
    (spec,) = faults.specs("place")
    placed(spec, status="failed", error="a power cut")
    ends = faults.run([spec], executor)
    assert [end.status for end in ends] == ["done"]
    record = faults.record(spec)
    assert record.status == "done"
    assert [(each.status, each.error) for each in record.history] == [("failed", "a power cut")]
    assert faults.store.weights(spec.key).is_file()


def test_an_ending_that_is_not_done_leaves_one_that_came_meanwhile(executor, faults, placed):
    (spec,) = faults.specs("place error")
    path = placed(spec, status="diverged", error="loss is nan")
    faults.run([spec], executor)
    assert faults.path(spec).read_bytes() == path.read_bytes()


def test_two_finished_runs_of_equal_numbers_are_a_success(executor, faults):
    (spec,) = faults.specs("place")
    (faults.folder / "placed").mkdir()
    faults.run([spec], executor)
    shutil.copytree(faults.path(spec).parent, faults.folder / "placed" / spec.track.name)
    before = faults.path(spec).read_bytes()
    shutil.rmtree(faults.store.folder)
    ends = faults.run([spec], executor)
    assert [end.status for end in ends] == ["done"]
    assert faults.path(spec).read_bytes() == before
    names = {path.name for path in faults.path(spec).parent.iterdir()}
    assert names == {f"{spec.key}.json", f"{spec.key}.rows.safetensors"}


def test_a_finished_run_of_other_numbers_is_kept_beside_the_record(executor, faults, placed):
    (spec,) = faults.specs("place")
    path = placed(spec, status="done", metrics={"nll": 1.0})
    faults.run([spec], executor)
    assert faults.path(spec).read_bytes() == path.read_bytes()
    other = faults.path(spec).with_name(f"{spec.key}.json.other")
    assert b'"metrics":{\n  "' in other.read_bytes()
    assert faults.store.results() == ([faults.record(spec)], [])


@pytest.mark.parametrize("deed", ["delete", "delete place", "delete place error"])
def test_a_store_deleted_under_a_run_costs_nothing_that_is_finished(
    deed, executor, faults, placed
):
    (spec,) = faults.specs(deed)
    placed(spec, status="done", metrics={"nll": 1.0})
    ends = faults.run([spec], executor)
    assert [end.status for end in ends] == ["done"]
    assert faults.record(spec).status == "done"


def test_a_run_that_another_process_is_at_is_left_to_it(executor, faults, make_result):
    (spec,) = faults.specs("")
    done = Result(spec=spec, status="done", provenance=make_result().provenance)

    def other():
        time.sleep(1.0)
        faults.store.save(done)
        lock.__exit__(None, None, None)

    lock = locked(faults.store, spec.key)
    lock.__enter__()
    thread = threading.Thread(target=other)
    thread.start()
    ends = faults.run([spec], executor)
    thread.join()
    assert [(end.kind, end.status) for end in ends] == [("elsewhere", "done")]
    assert faults.record(spec) == done


def test_a_retry_of_a_done_run_that_fails_leaves_the_record(executor, faults, make_result):
    (spec,) = faults.specs("error")
    done = Result(spec=spec, status="done", provenance=make_result().provenance)
    faults.store.save(done)
    ends = faults.run([spec], executor, retry=("done",))
    assert [end.status for end in ends] == ["done"]
    assert faults.record(spec) == done


def test_a_corrupt_record_that_appears_is_set_aside(executor, faults):
    (spec,) = faults.specs("place")
    path = faults.folder / "placed" / spec.track.name / f"{spec.key}.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    faults.run([spec], executor)
    assert faults.record(spec).status == "done"
    assert faults.path(spec).with_name(f"{spec.key}.json.corrupt").read_text() == "{"


@pytest.mark.parametrize("child", ["fork", "fork_apart", "spawn", "thread"])
def test_what_a_worker_has_started_ends_with_it(child, executor, faults):
    runs = faults.specs(f"{child} hang", child, f"{child} error")
    faults.run_to_timeout(runs[0], executor)
    faults.run(runs[1:], executor)
    assert [faults.record(spec).status for spec in runs] == ["timeout", "done", "failed"]
    assert (len(faults.pids("child")) >= 3) == (child != "thread")
    assert not any(map(is_alive, faults.pids("child")))


@pytest.mark.parametrize(
    ("deed", "status", "error"),
    [
        ("interrupt", "failed", "KeyboardInterrupt: from a component (faulty_critic.py:"),
        ("exit_generator", "failed", "GeneratorExit: from a component (faulty_critic.py:"),
        ("shout", "failed", "ValueError: aaa"),
        ("blame_memory", "failed", "RuntimeError: my index is out of memory slots"),
        ("allocate", "out_of_memory", "RuntimeError: [enforce fail at alloc_cpu.cpp:"),
    ],
)
def test_whatever_a_component_raises_is_recorded_in_short_with_its_cause(
    deed, status, error, executor, faults
):
    (spec,) = faults.specs(deed)
    faults.run([spec], executor)
    record = faults.record(spec)
    assert record.status == status
    assert record.error.startswith(error)
    assert len(record.error) < 2100
    assert ("a… (cut) (faulty_critic.py:" in record.error) == (deed == "shout")


def test_a_component_that_changes_the_folder_moves_no_record(executor, faults, monkeypatch):
    monkeypatch.chdir(faults.folder)
    runs = faults.specs("leave")
    options = RunOptions(
        store=Path("store"), plugins=[Path("faulty_critic.py")], executor=executor
    )
    outcome = carry_out(Plan(specs=tuple(runs)), options, lambda _event: None)
    assert outcome.is_good
    assert faults.record(runs[0]).status == "done"
