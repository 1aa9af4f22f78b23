"""Real worker processes: killed, timed out, sharing a store."""

import concurrent.futures
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from fmnbench.planning.plan import Selection, plan, tasks
from fmnbench.records.store import Store
from fmnbench.runs.executors import local
from fmnbench.runs.executors.base import RunOptions
from fmnbench.runs.executors.local import LocalExecutor
from fmnbench.runs.run import build, load

PATIENCE = 120  # seconds; nothing here takes a tenth of it on an idle machine


def specs(*settings, critics=("self",), seeds=(0,)):
    selection = Selection(
        suites=["quick"], datasets=["digits"], critics=critics, settings=settings
    )
    return plan(tasks(selection), seeds).specs


def carry_out(runs, folder, **options):
    events = []
    LocalExecutor()(runs, RunOptions(store=folder, **options), events.append)
    return events


def records(folder):
    results, errors = Store(folder).results()
    assert not errors
    return {result.spec.key: result for result in results}


def command(folder, *arguments):
    """Starts a real `fmnbench run` in a process group of its own."""
    which = ["--suite", "quick", "--dataset", "digits", "--store", str(folder)]
    return subprocess.Popen(
        [sys.executable, "-m", "fmnbench", "run", *which, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finished(process):
    """Waits for a command to end; returns its exit code and what it printed."""
    output, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, output


def wait_for(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "nothing happened in time"
        time.sleep(0.01)


LONG = ["--critic", "self", "--epochs", "60", "--jobs", "2"]


def go_on(folder):
    """Carries out the runs of LONG from this process, whose server has all imports already."""
    carry_out(specs("epochs=60"), folder, jobs=2)
    (result,) = records(folder).values()
    return result


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return go_on(tmp_path_factory.mktemp("undisturbed"))


def cut_off(folder, how, whom):
    """Starts a run, sends a signal once three epochs are saved, and waits for the end."""
    process = command(folder, *LONG)
    checkpoints = lambda: list(folder.glob(".work/*/checkpoint.pt"))  # noqa: E731 - three uses
    wait_for(checkpoints)
    for _ in range(2):
        before = checkpoints()[0].stat().st_ino  # each epoch's file is a new one
        wait_for(lambda: checkpoints()[0].stat().st_ino != before)  # noqa: B023 - used at once
    if whom == "group":
        os.killpg(process.pid, how)
    else:
        process.send_signal(how)
    return finished(process)


@pytest.mark.parametrize("whom", ["group", "parent"])
def test_a_run_killed_in_mid_epoch_and_started_again_gives_the_same_numbers(
    tmp_path, undisturbed, whom
):
    code, _ = cut_off(tmp_path, signal.SIGKILL, whom)
    assert code == -signal.SIGKILL
    assert not records(tmp_path)
    result = go_on(tmp_path)
    assert result.provenance.resumed >= 1
    assert result.numbers == undisturbed.numbers
    assert result.metrics == undisturbed.metrics
    assert result.curve == undisturbed.curve
    assert not list(tmp_path.glob(".work/*/checkpoint.pt"))


def test_a_run_that_the_user_stops_says_what_is_left_and_goes_on_later(tmp_path, undisturbed):
    for how in (signal.SIGINT, signal.SIGTERM):  # the second time it goes on, and is stopped again
        code, output = cut_off(tmp_path, how, "parent")
        assert code == 130
        assert "1 run left" in output
        assert "Traceback" not in output
    code, output = finished(command(tmp_path, *LONG))
    assert code == 0, output
    (result,) = records(tmp_path).values()
    assert result.provenance.resumed >= 2
    assert result.numbers == undisturbed.numbers


def test_two_drivers_on_one_store_share_the_runs(tmp_path):
    runs = specs("epochs=5", seeds=range(4))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        both = [pool.submit(carry_out, runs, tmp_path, jobs=2) for _ in range(2)]
        events = [event for each in both for event in each.result()]
    results = records(tmp_path)
    assert sorted(result.spec.seed for result in results.values()) == [0, 1, 2, 3]
    assert all(not result.history for result in results.values())
    # each was run once, and told of by both: no driver did over what the other had done
    for kind in ("started", "finished", "elsewhere"):
        told = [event.spec.seed for event in events if event.kind == kind]
        assert sorted(told) == [0, 1, 2, 3], kind


def test_numbers_do_not_depend_on_how_many_runs_go_at_a_time(tmp_path, undisturbed):
    threads = undisturbed.provenance.threads
    runs = specs("epochs=60")
    carry_out(runs, tmp_path, jobs=max(1, len(os.sched_getaffinity(0)) // threads))
    (result,) = records(tmp_path).values()
    assert result.numbers == undisturbed.numbers


HANGING = """
import time
from fmnbench.critics.base import Critic
from fmnbench.registry import critics

@critics.register("hanging")
class Hanging(Critic):
    '''Never comes back.'''
    def forward(self, x, z, q):
        time.sleep(3600)

@critics.register("looking")
class Looking(Critic):
    '''Fails where torch's optimisers would import what they need in each worker, for seconds.'''
    def __init__(self, vae):
        super().__init__(vae)
        import sys
        assert {"torch._dynamo", "fmnbench.metrics"} <= set(sys.modules)

    def forward(self, x, z, q):
        return z.sum() * 0.0

@critics.register("dying")
class Dying(Critic):
    '''Takes its process down, as the kernel's memory killer would.'''
    def forward(self, x, z, q):
        import os, signal
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    from fmnbench.registry import load_plugin

    path = tmp_path_factory.mktemp("plugin") / "bad_critics.py"
    path.write_text(HANGING)
    load_plugin(path)
    return path


def test_a_run_past_its_timeout_is_killed_and_recorded_and_the_others_are_done(tmp_path, plugin):
    runs = specs("epochs=1", critics=("hanging", "none"))
    started = time.monotonic()
    carry_out(runs, tmp_path, jobs=2, timeout=10.0, plugins=[plugin])
    assert time.monotonic() - started < 60
    statuses = {result.spec.critic: result for result in records(tmp_path).values()}
    assert statuses["hanging"].status == "timeout"
    assert statuses["hanging"].error == "not done after 10 s"
    assert statuses["none"].status == "done"


def test_the_weights_of_a_done_run_are_kept_and_give_its_numbers(tmp_path):
    (spec,) = specs("epochs=1")
    carry_out([spec], tmp_path)
    (result,) = records(tmp_path).values()
    splits, _ = load(spec, torch.device("cpu"))
    model = build(spec, splits)
    model.vae.load_state_dict(load_file(Store(tmp_path).weights(spec.key)))
    kl = model.vae.encode(splits.test).kl_from_standard().double().sum(1).mean().item()
    assert kl == pytest.approx(result.metrics["kl"], rel=1e-6)  # float32, in other blocks


def test_a_lost_worker_is_a_failed_run_that_names_the_signal(tmp_path, plugin):
    events = carry_out(specs("epochs=1", critics=("dying", "none")), tmp_path, plugins=[plugin])
    statuses = {result.spec.critic: result for result in records(tmp_path).values()}
    assert statuses["dying"].status == "failed"
    assert statuses["dying"].error == "the worker process was lost: SIGKILL"
    assert statuses["none"].status == "done"
    assert [event.kind for event in events].count("finished") == 2


def test_what_a_run_imports_late_is_in_the_server_that_workers_are_forked_from(tmp_path, plugin):
    carry_out(specs("epochs=1", critics=("looking",)), tmp_path, plugins=[plugin])
    (result,) = records(tmp_path).values()
    assert result.status == "done", result.error


def test_the_server_that_workers_are_forked_from_ends_at_once():
    script = (
        "import atexit; atexit.register(print, 'torch is taken apart');"
        "import fmnbench.runs.executors.server; print('the end')"
    )
    done = subprocess.run([sys.executable, "-uc", script], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"the end\n", b"")
    names = local._imports(specs("epochs=1")[0])
    assert names[-1] == "fmnbench.runs.executors.server"


def test_fail_fast_starts_nothing_after_a_failure(tmp_path, plugin):
    runs = specs("epochs=1", critics=("dying", "none"))
    carry_out(runs, tmp_path, plugins=[plugin], fail_fast=True)
    assert [result.spec.critic for result in records(tmp_path).values()] == ["dying"]


def test_a_retry_replaces_the_failed_record_and_keeps_its_ending(tmp_path, plugin):
    runs = specs("epochs=1", critics=("dying",))
    for _ in range(2):
        carry_out(runs, tmp_path, plugins=[plugin], retry=("failed",))
    (result,) = records(tmp_path).values()
    assert [attempt.status for attempt in result.history] == ["failed"]


def test_what_the_store_has_is_not_run_again_by_a_worker(tmp_path):
    runs = specs("epochs=1")
    carry_out(runs, tmp_path)
    events = carry_out(runs, tmp_path)
    assert [event.kind for event in events] == ["elsewhere"]


def test_a_record_tells_how_it_was_made(undisturbed):
    origin = dataclasses.asdict(undisturbed.provenance)
    assert origin["device"] == "cpu"
    assert origin["seconds"] > 0
    assert origin["resumed"] == 0
    assert len(origin["dataset_sha256"]) == 64
    assert set(undisturbed.timings) > {"data", "train", "train.processor", "metric.nll"}
    assert undisturbed.provenance.seconds == pytest.approx(
        sum(undisturbed.timings.values()) - undisturbed.timings["train.processor"]
    )
    assert [entry["epoch"] for entry in undisturbed.curve] == list(range(1, 61))
    host = os.uname().nodename
    assert host not in json.dumps(dataclasses.asdict(undisturbed))


def test_workers_have_settings_of_memory_but_for_those_that_the_user_has(monkeypatch):
    seen = {}
    monkeypatch.setattr(local.forkserver, "ensure_running", lambda: seen.update(os.environ))
    for name in local.MEMORY:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.perturb=1")
    before = dict(os.environ)
    local._context([])
    given = local.MEMORY | {"GLIBC_TUNABLES": "glibc.malloc.perturb=1"}
    assert {name: seen[name] for name in local.MEMORY} == given
    assert dict(os.environ) == before
