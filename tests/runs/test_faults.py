"""Faults injected into runs: kills at each step of writing, full disks, a stopped driver."""

import concurrent.futures
import contextlib
import itertools
import multiprocessing
import os
import shutil
import signal
import time

import pytest
from fault_runs import PATIENCE, TIMEOUTS, is_alive, wait_for

from fmnbench.errors import MachineError
from fmnbench.planning.plan import Plan
from fmnbench.records.rows import likelihoods
from fmnbench.runs.campaign import carry_out
from fmnbench.runs.endings import tidy
from fmnbench.runs.executors.base import RunOptions
from fmnbench.runs.executors.running import ABSENCE, Clock
from fmnbench.runs.executors.worker import work

# The fsync of a file, its rename and the fsync of its folder for the checkpoint, the weights, the
# likelihoods of test rows and the record, and a rename and an fsync that move the weights and the
# likelihoods to their places.
POINTS = 16
AFTER = POINTS - 1  # from here on the record is in the store


def finished(process):
    output, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, output


def left_over(faults):
    """Returns the files in the store that are neither records nor their weights and rows."""
    expected = set(faults.store.paths())
    for path in list(expected):
        expected |= {faults.store.rows(path.parent.name, path.stem)}
        expected |= {faults.store.weights(path.stem)}
    return [
        path.relative_to(faults.store.folder)
        for path in faults.store.folder.rglob("*")
        if path.is_file() and path not in expected
    ]


@pytest.fixture
def undisturbed(faults):
    """The digest of the metrics and the curve of the run that meets no fault."""
    (spec,) = faults.specs("")
    faults.run([spec])
    record = faults.record(spec)
    shutil.rmtree(faults.store.folder)
    return record.metrics, record.curve


def test_a_worker_killed_at_any_rename_or_fsync_loses_nothing_that_is_finished(
    faults, undisturbed
):
    runs = [faults.specs("kill_at_point", point=n + 1)[0] for n in range(POINTS + 1)]
    ends = {end.spec.key: end.status for end in faults.run(runs)}
    assert [faults.happened(f"kill.{n + 1}") for n in range(POINTS + 1)] == [True] * POINTS + [
        False
    ]
    statuses = [faults.record(spec).status for spec in runs]
    assert [ends[spec.key] for spec in runs] == statuses
    assert statuses == ["failed"] * AFTER + ["done"] * (len(runs) - AFTER)
    for spec in runs[:AFTER]:
        assert faults.record(spec).error == "the worker process was lost: SIGKILL"
    faults.run(runs[:AFTER], retry=("failed",))
    tidy(faults.store)
    for spec in runs:
        record = faults.record(spec)
        assert (record.status, record.metrics, record.curve) == ("done", *undisturbed)
        assert faults.store.weights(spec.key).is_file()
        assert likelihoods(faults.store, record) is not None
    assert left_over(faults) == []


def test_a_worker_and_its_driver_killed_at_any_rename_or_fsync_leave_all_to_the_next(
    faults, undisturbed
):
    runs = [faults.specs("kill_at_point", point=n + 1)[0] for n in range(POINTS)]
    options = RunOptions(**faults.options)
    context = multiprocessing.get_context("forkserver")
    for spec in runs:  # as if the driver were killed with it: nobody hears or records anything
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(spec, options, 1, theirs))
        process.start()
        theirs.close()
        process.join(PATIENCE)
        ours.close()
        assert process.exitcode == -signal.SIGKILL
    assert [spec for spec in runs if faults.record(spec)] == runs[AFTER:]
    outcome = carry_out(Plan(specs=tuple(runs)), options, lambda _event: None)
    assert outcome.is_good
    for spec in runs:
        record = faults.record(spec)
        assert (record.status, record.metrics, record.curve) == ("done", *undisturbed)
        assert record.history == ()
        assert faults.store.weights(spec.key).is_file()
        assert likelihoods(faults.store, record) is not None
    assert left_over(faults) == []


def test_a_disk_that_is_full_at_any_write_stops_the_sweep_and_fails_no_run(faults, undisturbed):
    for n in itertools.count(1):
        (spec,) = faults.specs("fill_at_point", point=n)
        (faults.folder / "room").unlink(missing_ok=True)
        with contextlib.suppress(MachineError):
            faults.run([spec])
        if not faults.happened(f"full.{n}"):
            break
        found = faults.record(spec)
        assert found is None or found.status == "done"
        (faults.folder / "room").touch()
        faults.run([spec])
        record = faults.record(spec)
        assert (record.status, record.metrics, record.curve) == ("done", *undisturbed)
        assert record.history == ()
    assert n == POINTS + 1


def test_a_full_disk_is_one_line_and_exit_code_1_and_the_same_command_goes_on(faults, exit_code):
    deed = "fill_at_point"
    code, output = finished(faults.command(deed, "--set", "point=4"))
    assert code == 1
    assert output.splitlines()[-1].endswith("cannot be written: No space left on device.")
    assert output.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in output
    assert faults.store.results() == ([], [])
    (faults.folder / "room").touch()
    code = exit_code(*faults.words(deed, "--set", "point=4"))
    assert (code, [each.status for each in faults.store.results()[0]]) == (0, ["done"])


def test_weights_that_cannot_be_kept_fail_no_run(faults):
    (spec,) = faults.specs("")
    faults.store.folder.mkdir()
    (faults.store.folder / ".weights").write_text("a file")
    with pytest.raises(MachineError, match=r"safetensors cannot be written: "):
        faults.run([spec])
    assert faults.record(spec) is None
    (faults.store.folder / ".weights").unlink()
    faults.run([spec])
    assert faults.record(spec).status == "done"


def test_a_driver_that_was_stopped_past_the_timeout_finds_what_was_done_meanwhile(faults):
    for timeout in TIMEOUTS:  # a busy machine may need a longer one to come so far
        process = faults.command("tell wait", "--timeout", f"{timeout:g}s")
        wait_for(lambda: faults.pids("worker") or process.poll() is not None)  # noqa: B023
        if process.poll() is None:
            break
        finished(process)
        shutil.rmtree(faults.store.folder)
    process.send_signal(signal.SIGSTOP)
    (faults.folder / "go").touch()
    time.sleep(timeout)
    wait_for(lambda: faults.store.results()[0])
    process.send_signal(signal.SIGCONT)
    code, output = finished(process)
    assert code == 0, output
    assert [each.status for each in faults.store.results()[0]] == ["done"]


def test_the_time_in_which_a_driver_was_stopped_does_not_count():
    times = iter([0.0, 0.5, 1.25, 3601.25, 3602.0])
    clock = Clock(lambda: next(times))
    assert [clock() for _ in range(4)] == [0.5, 1.25, 1.25 + ABSENCE, 2.0 + ABSENCE]


def test_a_driver_takes_over_a_run_whose_worker_was_killed_and_both_are_done(faults):
    first = faults.command("tell wait")
    (worker,) = wait_for(lambda: faults.pids("worker"))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        second = pool.submit(faults.run, faults.specs("tell wait"))
        time.sleep(1.0)
        first.send_signal(signal.SIGSTOP)  # so that the second one is there first
        os.kill(worker, signal.SIGKILL)
        wait_for(lambda: len(faults.pids("worker")) == 2)
        first.send_signal(signal.SIGCONT)
        time.sleep(1.0)
        (faults.folder / "go").touch()
        code, output = finished(first)
        assert code == 0, output
        assert [end.status for end in second.result()] == ["done"]
    (record,) = faults.store.results()[0]
    assert record.status == "done"


def test_ctrl_c_ends_a_worker_and_what_it_has_started(faults):
    process = faults.command("fork tell hang")
    wait_for(lambda: faults.pids("worker") and faults.happened("hang"))
    process.send_signal(signal.SIGINT)
    code, output = finished(process)
    assert code == 130
    assert "Traceback" not in output
    pids = faults.pids("worker") + faults.pids("child")
    assert len(pids) == 2
    assert not any(map(is_alive, pids))


def test_a_killed_fork_server_costs_no_run_that_is_under_way(faults):
    process = faults.command("tell wait")
    (worker,) = wait_for(lambda: faults.pids("worker"))
    with open(f"/proc/{worker}/stat") as file:  # noqa: PTH123 - no file of a store
        server = int(file.read().rpartition(")")[2].split()[1])
    os.kill(server, signal.SIGKILL)
    (faults.folder / "go").touch()
    code, output = finished(process)
    assert code == 0, output
    assert "Traceback" not in output
    assert [each.status for each in faults.store.results()[0]] == ["done"]
