"""`fmnbench tune` as a user meets it: tables, plans, bad input, and what it leaves."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from digits_runs import contents

from fmnbench.planning.suite_file import load_suite
from fmnbench.records.store import Store

DIGITS = ["tune", "--critic", "self", "--dataset", "digits"]
ONE = [*DIGITS, "--epochs", "1"]  # of real runs
TRACK = "digits-mlp"


@pytest.fixture
def store(tmp_path):
    return tmp_path / "results"


def test_a_study_ends_with_its_front_the_choice_the_reason_and_the_next_command(
    fmnbench, made_up, store, tmp_path
):
    done = fmnbench(*DIGITS, "--trials", "12", "--seeds", "2", "--store", store)
    assert done.code == 0
    lines = done.err.splitlines()
    assert len(lines) == 1 + 12
    assert lines[0].endswith(f"self on {TRACK}: plain VAE: NLL 100.10, MI lower 0.00")
    assert f"self on {TRACK}: trial 2: λ = 100: NLL 102.89, MI lower 4.62" in lines[2]
    rows = [line for line in done.out.splitlines() if "│" in line]
    assert "100.10 ± 0.00" in rows[0]
    (chosen,) = [line for line in rows if "chosen" in line]
    value = chosen.split("│")[2].strip()
    assert 8 < float(value) < 11.9
    assert "12 trials of self and 1 of the plain VAE, 2 seeds each; NLL with K = 500" in done.out
    assert f"Chosen: λ = {value}: of " in done.out
    assert "trials with an NLL of at most 100.60, the plain VAE's + 0.5, it has the " in done.out
    assert (
        f"Choice noise: each seed alone would have chosen λ = {value}; λ = {value}.\n" in done.out
    )
    suite = tmp_path / "tuning" / TRACK / "self" / "choice.toml"
    assert done.out.endswith(f"Next: fmnbench run --suite {suite} --seeds 3\n")
    assert not store.exists()


def test_the_choice_is_a_suite_that_run_takes_as_it_is(fmnbench, made_up, store, tmp_path):
    fmnbench(*DIGITS, "--trials", "7", "--store", store)
    path = tmp_path / "tuning" / TRACK / "self" / "choice.toml"
    (comparison,) = load_suite(str(path)).comparisons
    assert (comparison.tuned.trials, comparison.tuned.baseline_trials) == (7, 1)
    assert (comparison.tuned.goal, comparison.tuned.margin) == ("front", 0.5)
    (published,) = [each for each in load_suite("quick").comparisons if each.track.name == TRACK]
    assert comparison.track == published.track
    rows = [(row.critic, row.lambda_) for row in comparison.tasks()]
    assert rows == [("none", 0.0), ("self", 10.0)]
    planned = fmnbench("run", "--suite", path, "--dry-run", "--store", store)
    assert planned.code == 0
    assert f"{TRACK}  self λ=10" in planned.out


def test_every_kind_of_setting_comes_back_from_a_choice(fmnbench, made_up, store, tmp_path):
    words = ["--objective", "beta", "--space", "temperature=log:0.3:3", "--trials", "9"]
    assert fmnbench(*DIGITS, *words, "--store", store).code == 0
    folder = tmp_path / "tuning" / TRACK
    assert {path.name for path in folder.iterdir()} == {"records", "beta", "self+beta"}
    (comparison,) = load_suite(str(folder / "self+beta" / "choice.toml")).comparisons
    _, row = comparison.tasks()
    assert row.objective == "beta"
    assert {"temperature"} == set(row.critic_settings)
    assert {"beta"} == set(row.objective_settings)
    (alone,) = load_suite(str(folder / "beta" / "choice.toml")).comparisons
    assert [(row.critic, row.objective) for row in alone.tasks()] == [
        ("none", "elbo"),
        ("none", "beta"),
    ]


def test_json_has_the_front_the_choice_and_the_counts(fmnbench, made_up, store):
    done = fmnbench(*DIGITS, "--trials", "8", "--json", "--store", store)
    (study,) = json.loads(done.out)
    assert (study["track"], study["method"], study["goal"]) == (TRACK, "self", "front")
    assert (len(study["trials"]), study["wanted"], study["nll_samples"]) == (8, 8, 500)
    chosen, plain = study["trials"][study["chosen"]], study["vae"]
    assert 5 < chosen["values"]["lambda"] < 11.9
    assert chosen["against_vae"] == pytest.approx(
        chosen["metrics"]["nll"] - plain["metrics"]["nll"]
    )
    assert study["chosen"] in study["front"]
    assert study["space"] == {"lambda": "0.1 to 100 (log)"}


def test_a_choice_at_the_edge_of_its_range_is_warned_of(fmnbench, made_up, store):
    narrow = ["--space", "lambda=log:0.1:8", "--trials", "7"]
    done = fmnbench(*DIGITS, *narrow, "--store", store)
    assert "Warning: lambda 8 lies at the upper end of its range, 0.1 to 8 (log)" in done.out
    assert "--space lambda=log:0.1:80" in done.out
    assert "Warning" not in fmnbench(*DIGITS, "--trials", "7", "--store", store).out


def test_where_nothing_qualifies_it_says_so_and_exits_1(fmnbench, made_up, store, tmp_path):
    wide = ["--space", "lambda=log:50:100", "--trials", "3", "--store", store]
    done = fmnbench(*DIGITS, *wide)
    assert done.code == 1
    assert "Nothing is chosen: no trial has an NLL of at most 100.60" in done.out
    assert "Next:" not in done.out
    assert not (tmp_path / "tuning" / TRACK / "self" / "choice.toml").exists()


def test_a_dry_run_shows_studies_trials_and_cost_and_writes_nothing(fmnbench, made_up, store):
    done = fmnbench(*DIGITS, "--trials", "9", "--seeds", "2", "--dry-run", "--store", store)
    assert (done.code, done.err) == (0, "")
    row = done.out.splitlines()[1]
    assert row.startswith(f"self on {TRACK}  lambda 0.1 to 100 (log)  9       2      0     20")
    assert "The cost of 20 runs is not known yet.\nAdd --measure to time" in done.out
    measured = fmnbench(*DIGITS, "--trials", "9", "--dry-run", "--measure", "--store", store)
    assert measured.err == f"timing {TRACK}\n"
    assert "About 100 s with --jobs 1 on cpu; done by 20" in measured.out
    assert not store.parent.joinpath("tuning").exists()
    wrong = fmnbench(*DIGITS, "--measure", "--store", store)
    assert (wrong.code, "it goes with --dry-run" in wrong.complaint) == (2, True)
    fmnbench(*DIGITS, "--trials", "7", "--seeds", "2", "--store", store)
    before = contents(store.parent)
    done = fmnbench(*DIGITS, "--trials", "9", "--seeds", "2", "--dry-run", "--store", store)
    assert "About 40 s with --jobs 1 on cpu; done by 20" in done.out
    assert contents(store.parent) == before


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "Say what to tune, and where: --critic NAME with --dataset"),
        (["--critic", "self"], "Say what to tune, and where"),
        ([*DIGITS, "--trials", "0"], "--trials is '0'; it must be a whole number above 0."),
        ([*DIGITS, "--seeds", "-1"], "--seeds is '-1'; it must be a whole number above 0."),
        ([*DIGITS, "--space", "lambda=log:9:1"], "from a lower to a higher number, not from 9 to"),
        ([*DIGITS, "--space", "lambada=log:1:9"], "Did you mean 'lambda'?"),
        ([*DIGITS, "--goal", "best"], "--goal is 'best'; it must be front, nll or"),
        (["--critic", "none", "--dataset", "digits"], "The critic 'none' has no λ to tune"),
        (["--critic", "slef", "--dataset", "digits"], "Did you mean 'self'?"),
        (["--critic", "self", "--track", "toy-mpl"], "Did you mean 'toy-mlp'?"),
    ],
)
def test_bad_input_is_one_clear_line_and_writes_nothing(fmnbench, store, words, complaint):
    arguments = words if words[:1] == ["tune"] else ["tune", *words]
    done = fmnbench(*arguments, "--store", store)
    assert done.code == 2
    assert complaint in done.complaint
    assert not store.parent.joinpath("tuning").exists()


def test_a_dataset_that_is_not_installed_is_named_with_the_ways_to_get_it(fmnbench, store, cache):
    done = fmnbench("tune", "--critic", "self", "--dataset", "yahoo", "--store", store)
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines() == [
        "error: Dataset 'yahoo' is not installed (tracks yahoo-lstm, yahoo-lstm-paper).",
        "  get it:     fmnbench data fetch yahoo",
        "  or import:  fmnbench data import yahoo train.txt val.txt test.txt",
    ]
    assert not store.parent.joinpath("tuning").exists()


def test_a_smaller_dataset_that_is_installed_is_offered(fmnbench, store, real_cache, monkeypatch):
    monkeypatch.setenv("FMNBENCH_CACHE", str(real_cache("yahoo-10k")))
    done = fmnbench("tune", "--critic", "self", "--dataset", "yahoo", "--store", store)
    assert done.code == 2
    last = "  installed:  fmnbench tune --critic self --dataset yahoo-10k"
    assert done.err.splitlines()[-1] == last


def test_a_study_stopped_before_its_plain_vae_has_no_table_and_claims_no_run(
    fmnbench, made_up, store
):
    made_up.stop_after = 0
    done = fmnbench(*DIGITS, "--trials", "7", "--store", store)
    assert done.out.splitlines() == [
        f"0 trials of 7 of self on {TRACK}.",
        "Nothing is chosen: the plain VAE has not been run, so nothing can be held against it.",
    ]
    assert done.err == "Stopped with 7 trials left; the same command goes on.\n"


def test_interrupted_it_exits_130_and_the_same_command_goes_on(fmnbench, made_up, store):
    made_up.stop_after = 4
    done = fmnbench(*DIGITS, "--trials", "7", "--store", store)
    assert done.code == 130
    assert done.err.endswith("Stopped with 4 trials left; the same command goes on.\n")
    made_up.stop_after = 100
    assert fmnbench(*DIGITS, "--trials", "7", "--store", store).code == 0
    assert len(made_up.ran) == len(set(made_up.ran)) == 8


PLUGIN = """
import torch
from fmnbench.critics import Critic
from fmnbench.objectives import Objective
from fmnbench.registry import Range, critics, objectives
from typing import Annotated

@critics.register("spread", source="a test", lambda_range=(0.01, 1.0))
class Spread(Critic):
    '''Pushes samples apart.'''

    def forward(self, x, z, q):
        return -z.var(0).clamp(max=4.0).mean()

@objectives.register("half", source="a test")
class Half(Objective):
    '''Half the rate.'''

    def __init__(self, *, share: Annotated[float, Range(0.2, 0.8)] = 0.5):
        super().__init__()
        self.share = share

    def forward(self, reconstruction, kl, progress):
        return reconstruction + self.share * kl.sum(1)
"""


@pytest.mark.slow
def test_a_plugin_s_critic_and_objective_are_tuned_with_real_runs(
    fmnbench, store, tmp_path, registers
):
    plugin = tmp_path / "mine.py"
    plugin.write_text(PLUGIN)
    words = ["--critic", "spread", "--objective", "half", "--plugin", plugin, "--trials", "2"]
    words += ["--dataset", "digits", "--epochs", "1", "--store", store, "--json"]
    done = fmnbench("tune", *words)
    studies = json.loads(done.out)
    assert [study["method"] for study in studies] == ["half", "spread+half"]
    assert [trial["status"] for study in studies for trial in study["trials"]] == ["done"] * 4
    assert studies[1]["space"] == {
        "lambda": "0.01 to 1 (log)",
        "objective.share": "0.2 to 0.8",
    }
    folder = tmp_path / "tuning" / f"{TRACK}+epochs=1" / "records"
    results, _ = Store(folder).results()
    assert len(results) == 1 + 2 + 2
    assert {result.spec.judged for result in results} == {"validation"}
    plugin.write_text(PLUGIN.replace("max=4.0", "max=5.0"))
    again = subprocess.run(
        [sys.executable, "-m", "fmnbench", "tune", *map(str, words)],
        capture_output=True, text=True, check=False, cwd=Path(tmp_path),
    )  # fmt: skip
    assert again.returncode == 2
    assert "were made with another version of the objective" in again.stderr
