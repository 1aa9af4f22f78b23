"""What a sweep does before it starts and what becomes of it."""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from digits_runs import DIGITS, TRACK, contents

from fmnbench.data.identity import NOT_INSTALLED
from fmnbench.planning.costs import Cost, cheapest_first, guessed_seconds, recorded_costs, row_key
from fmnbench.planning.plan import Plan, Selection, plan, tasks
from fmnbench.records.store import Store
from fmnbench.runs.campaign import carry_out
from fmnbench.runs.executors.base import EXECUTORS, RunOptions
from fmnbench.runs.survey import glanced, survey
from fmnbench.spec import SCHEMA, digest


@pytest.fixture
def losing(monkeypatch):
    monkeypatch.setitem(EXECUTORS, "local", "losing_executor:Losing")


def quick(**chosen):
    return plan(tasks(Selection(suites=["quick"], objectives=["elbo"], **chosen)), [0])


def options(folder, **changes):
    return RunOptions(store=folder, **changes)


def test_a_run_that_leaves_no_record_is_a_failure(losing, tmp_path, fmnbench, make_result):
    known, lost = make_result(), make_result(seed=1).spec
    Store(tmp_path).save(known)
    chosen = Plan(specs=(known.spec, lost))
    outcome = carry_out(chosen, options(tmp_path), lambda _event: None)
    assert (outcome.done, outcome.left) == ((known,), (lost,))
    assert not outcome.is_good
    done = fmnbench(*DIGITS, "--critic", "none", "--store", tmp_path)
    assert done.code == 1
    assert f"{TRACK} VAE seed 0: it left no record\n" in done.out


def test_the_cheapest_track_comes_first_and_rows_keep_their_order(make_result):
    def spec(name, seed, **fields):
        return make_result(track={"name": name, **fields}, seed=seed).spec

    slow, fast, long = (
        [spec("slow", seed) for seed in (1, 0)],
        [spec("fast", seed) for seed in (1, 0)],
        # toy has 162,000 rows of 16 values: 10^6 epochs are long by any measure
        [spec("long", 0, epochs=10**6)],
    )
    costs = {row_key(slow[0]): Cost(run=90.0, nll=1.0), row_key(fast[0]): Cost(run=9.0, nll=1.0)}
    assert cheapest_first([*long, *slow, *fast], costs) == (*fast, *slow, *long)
    assert cheapest_first([*slow, *fast], {row_key(slow[0]): Cost(run=1.0, nll=1.0)}) == (
        *slow,
        *fast,
    )


def test_the_guess_is_epochs_times_rows_times_values_over_the_rate(make_result):
    spec = make_result(track={"epochs": 3}).spec
    assert guessed_seconds(spec) == pytest.approx(3 * 162_000 * 16 / 2e5)
    words = make_result(track={"epochs": 2, "dataset": "yahoo-10k"}).spec
    assert guessed_seconds(words) == pytest.approx(2 * 9_000 * 79.05011111111111 / 1e4)
    uncounted = make_result(track={"epochs": 1, "dataset": "yahoo"}).spec  # but for test texts
    assert guessed_seconds(uncounted) == pytest.approx(100_000 * 78.8673 / 1e4)
    assert guessed_seconds(make_result(track={"dataset": "snli"}).spec) == float("inf")


def test_costs_are_of_the_same_kind_of_device(tmp_path, make_result):
    store = Store(tmp_path)
    for seed, (device, seconds) in enumerate([("cpu", 50.0), ("cuda", 5.0), ("cuda:1", 7.0)]):
        made = {"device": device, "device_name": f"a {device}", "seconds": seconds}
        store.save(make_result(seed=seed, provenance=made))
    spec = make_result(seed=9).spec
    (on_cpu,) = recorded_costs([spec], store, "cpu").values()
    assert (on_cpu.run, on_cpu.device) == (50.0, "a cpu")
    (on_gpu,) = recorded_costs([spec], store, "cuda").values()
    assert (on_gpu.run, on_gpu.device) == (6.0, "a cuda and a cuda:1")
    assert recorded_costs([spec], store, "mps") == {}


LONG = ["run", "--suite", "quick", "--dataset", "digits", "--critic", "none", "--epochs", "900000"]


def test_more_than_a_day_is_timed_and_needs_a_yes_in_a_pipe(losing, tmp_path, fmnbench):
    done = fmnbench(*LONG, "--store", tmp_path)
    assert done.code == 2
    assert done.out == "About 2 days with --jobs 1 on cpu.\n"
    assert done.complaint == (
        "error: This will take about 2 days; add --yes to start it, or choose fewer tracks "
        "(--track, --suite) or --epochs."
    )
    started = fmnbench(*LONG, "--yes", "--store", tmp_path)
    assert started.code == 1
    assert "it left no record" in started.out


def test_short_plans_are_not_timed(losing, tmp_path):
    chosen = quick(datasets=["digits"], critics=["none"])
    found = survey(chosen, options(tmp_path))
    assert glanced(found) == found


def test_records_count_although_the_data_are_missing_and_their_fingerprint_is_unknown(
    tmp_path, make_result
):
    store = Store(tmp_path)
    known = make_result(dataset_fingerprint="ab" * 32)
    store.save(known)
    absent = dataclasses.replace(known.spec, dataset_fingerprint=NOT_INSTALLED)
    other = dataclasses.replace(absent, seed=1)
    chosen = Plan(specs=(absent, other), missing={absent.track.name: "get it"})
    found = survey(chosen, options(tmp_path))
    assert found.stored == {known.spec.key: known}
    assert found.skipped == {other.key: "get it"}
    outcome = carry_out(chosen, options(tmp_path), lambda _event: None)
    assert (outcome.done, outcome.left, outcome.is_good) == ((known,), (), True)


def newer(path):
    fields = json.loads(path.read_text())
    fields |= {"schema": SCHEMA + 1, "something": "new"}
    del fields["checksum"]
    path.write_text(json.dumps({**fields, "checksum": digest(fields)}))


def test_a_newer_record_stays_and_its_run_is_not_done_again(done_store, tmp_path, fmnbench):
    store = Store(tmp_path / "records")
    path = store.save(Store(done_store).load(next(Store(done_store).paths())))
    seed = str(store.load(path).spec.seed)
    critic = store.load(path).spec.critic
    newer(path)
    before = contents(store.folder)
    for more in ([], ["--dry-run"]):
        chosen = [*DIGITS, "--critic", critic, "--seeds", f"{seed},"]
        done = fmnbench(*chosen, "--store", store.folder, *more)
        assert done.code == 1
        assert done.complaint == (
            f"left as it is: {path}: it was written by a newer fmnbench (schema {SCHEMA + 1}; "
            f"this version knows {SCHEMA}); upgrade fmnbench to read it."
        )
    assert contents(store.folder) == before
    listed = fmnbench("results", "list", "--store", store.folder)
    assert listed.complaint.startswith(f"newer record: {path}: ")


def test_long_names_of_tracks_have_short_folders(tmp_path, make_result):
    store = Store(tmp_path)
    names = ["n" * 200, "n" * 300, "n" * 299 + "m"]
    results = [make_result(track={"name": name}) for name in names]
    paths = [store.save(result) for result in results]
    assert paths[0].parent.name == names[0]
    assert all(len(path.parent.name) < 150 for path in paths[1:])
    assert len({path.parent for path in paths}) == 3
    assert [path.stem for path in paths] == [result.spec.key for result in results]
    for result in results:
        assert store.results([result.spec.track.name]) == ([result], [])
        assert store.get(result.spec.track.name, result.spec.key) == result


def test_nineteen_overrides_are_a_track_that_can_be_run(tmp_path, fmnbench):
    settings = {
        "batch_size": 700,
        "learning_rate": 0.0011,
        "weight_decay": 0.0123456789012,
        "gradient_clip": 1.23456789012345,
        "nll_samples": 3,
        "optimizer": "adam",
        "validate_every": 1,
        "patience": 17,
        "plateau": 1234567,
        "plateau_from": 1234567,
        "hidden": "[8,8,8,8,8,8,8,8,8,8,8,8]",
        "latent": 3,
        "halvings": 1234567,
    }
    words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    chosen = ["--critic", "none", *words, "--store", tmp_path]
    done = fmnbench(*DIGITS, *chosen)
    assert (done.code, done.err) == (0, ""), done.out
    (result,) = Store(tmp_path).results()[0]
    assert len(result.spec.track.name) > 200
    assert fmnbench(*DIGITS, *chosen).out.count("1 of 1 run done") == 1


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (
            "return z.sum(1)",
            "The critic Odd of odd.py returned a tensor of shape (64,); a loss is a scalar tensor "
            "of floats.",
        ),
        ("return 0.5", "Odd of odd.py returned a float; a loss is a scalar tensor of floats."),
        ("return nn.functional.linear(z, z).new_zeros(2) @ torch.zeros(3)", "(odd.py:10)"),
        ("return nn.Linear(1, 1)(z)", "(odd.py:10)"),
    ],
)
def test_a_critic_of_a_wrong_shape_is_named(body, error, tmp_path, fmnbench, registers):
    path = tmp_path / "odd.py"
    path.write_text(
        "import torch\nfrom torch import nn\nfrom fmnbench.critics.base import Critic\n"
        "from fmnbench.registry import critics\n\n@critics.register('odd')\nclass Odd(Critic):\n"
        f"    '''Is wrong.'''\n    def forward(self, x, z, q):\n        {body}\n"
    )
    done = fmnbench(*DIGITS, "--critic", "odd", "--plugin", path, "--store", tmp_path / "records")
    assert done.code == 1
    (result,) = Store(tmp_path / "records").results()[0]
    assert result.status == "failed"
    assert result.error.endswith(error)


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("answer", "code"), [("n", 130), ("y", 1)])
def test_more_than_a_day_is_asked_about_on_a_terminal(answer, code, tmp_path):
    program = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); import losing_executor;"
        "losing_executor.install();"
        "from fmnbench.cli.main import main; main(sys.argv[1:])"
    )
    support = Path(__file__).parents[1] / "support"
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(support), *LONG, "--store", str(tmp_path)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        close_fds=True,
    )
    os.close(theirs)
    shown = b""
    while b"Start?" not in shown:
        shown += os.read(ours, 1000)
    os.write(ours, f"{answer}\n".encode())
    with contextlib.suppress(OSError):  # Linux's word for the other end being closed
        while data := os.read(ours, 1000):
            shown += data
    os.close(ours)
    assert process.wait() == code
    assert b"About 2 days with --jobs 1 on cpu." in shown
    assert (b"it left no record" in shown) == (answer == "y")
