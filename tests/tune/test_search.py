"""The study loop with made-up runs: cut off, shared, extended; it rests on records alone."""

import dataclasses
import subprocess
import sys

import pytest

from fmnbench.errors import UsageError
from fmnbench.records.store import Store


def points(study):
    return [trial.values["lambda"] for trial in study.trials]


def test_the_plain_vae_is_run_first_and_then_the_trials_with_the_same_seeds(
    define, tune, tmp_path, made_up
):
    study = tune(define(trials=9, seeds=3), tmp_path)
    results, errors = Store(tmp_path).results()
    assert errors == []
    assert len(study.trials) == 9
    assert len(results) == len(made_up.ran) == 3 * (1 + 9)
    by_key = {result.spec.key: result.spec for result in results}
    first = [by_key[key] for key in made_up.ran[:3]]
    assert {(spec.critic, spec.objective, spec.lambda_) for spec in first} == {
        ("none", "elbo", 0.0)
    }
    seeds = {spec.seed for spec in first}
    assert all({*trial.results} == seeds for trial in study.trials)
    assert all(result.spec.judged == "validation" for result in results)
    assert study.left == 0


@pytest.mark.parametrize(
    ("goal", "optimum"),
    [("nll", 2.0), ("front", 11.90), ("mi s.t. nll <= vae + 1.0", 22.38)],
)
def test_a_study_finds_the_known_optimum_of_its_goal(define, tune, tmp_path, goal, optimum):
    study = tune(define(trials=40, goal=goal), tmp_path)
    found = study.choice.trial.values["lambda"]
    # 40 points along a front of 1.7 decades are a factor of 1.1 apart
    assert found == pytest.approx(optimum, rel=0.2)
    if goal != "nll":
        assert found <= optimum


@pytest.mark.parametrize("stop_after", [0, 1, 3, 10, 14])
def test_a_study_that_was_stopped_and_resumed_equals_one_that_never_was(
    define, tune, tmp_path, made_up, stop_after
):
    whole = tune(define(trials=12, seeds=2), tmp_path / "whole")
    order = list(made_up.ran)
    made_up.ran.clear()
    made_up.stop_after = stop_after
    cut = tune(define(trials=12, seeds=2), tmp_path / "cut")
    assert cut.interrupted
    assert cut.left > 0
    made_up.stop_after = 10**6
    again = tune(define(trials=12, seeds=2), tmp_path / "cut")
    assert made_up.ran == order
    assert points(again) == points(whole)
    assert again.choice == whole.choice or (again.choice.trial.values == whole.choice.trial.values)
    assert not again.interrupted


def test_more_trials_extend_a_study_and_a_finished_one_runs_nothing(
    define, tune, tmp_path, made_up
):
    short = tune(define(trials=9), tmp_path)
    assert len(made_up.ran) == 10
    tune(define(trials=9), tmp_path)
    assert len(made_up.ran) == 10
    longer = tune(define(trials=13), tmp_path)
    assert points(longer)[:9] == points(short)
    assert len(made_up.ran) == 14


def test_several_jobs_try_several_points_at_a_time(define, tune, tmp_path):
    seen = []
    study = tune(define(trials=11), tmp_path, jobs=2, told=lambda study: seen.append(study.left))
    assert len(study.trials) == 11
    assert seen == [11, 11, *range(10, -1, -1)]


def test_another_method_of_the_track_shares_the_plain_vae(define, tune, tmp_path, made_up):
    study = define(trials=3)
    tune(study, tmp_path)
    task = dataclasses.replace(study.task, critic="neural")
    assert len(tune(define(trials=3, task=task), tmp_path).trials) == 3
    assert len(made_up.ran) == 1 + 3 + 3


def test_a_trial_that_diverges_costs_only_itself(define, tune, tmp_path, made_up):
    made_up.ending = staticmethod(lambda spec: "diverged" if spec.lambda_ > 50 else "done")
    study = tune(define(trials=8), tmp_path)
    ends = {trial.values["lambda"]: trial.status for trial in study.trials}
    assert ends[100.0] == "diverged"
    assert len(study.trials) == 8
    assert study.choice.trial.values["lambda"] < 12
    assert 100.0 not in [trial.values["lambda"] for trial in study.front]


def test_without_a_plain_vae_nothing_is_chosen(define, tune, tmp_path, made_up):
    made_up.ending = staticmethod(lambda spec: "done" if spec.lambda_ else "failed")
    study = tune(define(trials=3), tmp_path)
    assert study.choice.trial is None
    assert study.choice.reason.startswith("the plain VAE ended as failed")


def test_a_study_of_other_code_or_another_track_is_refused_with_what_differs(
    define, tune, tmp_path
):
    study = define(trials=3)
    tune(study, tmp_path)
    track = dataclasses.replace(study.task.track, epochs=2)
    other = define(task=dataclasses.replace(study.task, track=track))
    with pytest.raises(UsageError, match="were made with another track 'made-up'"):
        tune(other, tmp_path)
    changed = define(trials=3)
    versions = {**changed._model.versions, "critic": "abcdef123456"}
    changed.__dict__["_model"] = dataclasses.replace(changed._model, versions=versions)
    with pytest.raises(UsageError, match=r"another version of the critic, 1 \(now abcdef12\)"):
        tune(changed, tmp_path)


def test_a_corrupt_record_is_run_again(define, tune, tmp_path, made_up):
    tune(define(trials=5), tmp_path)
    path = next(Store(tmp_path).paths())
    path.write_text("{")
    made_up.ran.clear()
    assert len(tune(define(trials=5), tmp_path).trials) == 5
    assert made_up.ran == [path.stem]


@pytest.mark.slow
def test_two_tuners_share_a_study_without_a_double_trial(tmp_path):
    words = ["tune", "--critic", "self", "--dataset", "digits", "--epochs", "1", "--trials", "9"]
    words += ["--jobs", "2", "--store", str(tmp_path / "results"), "--json"]
    command = [sys.executable, "-m", "fmnbench", *words]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outs = [each.communicate(timeout=300) for each in both]
    assert outs[0][0] == outs[1][0] != ""
    results, errors = Store(tmp_path / "tuning" / "digits-mlp+epochs=1" / "records").results()
    assert errors == []
    assert len(results) == 1 + 9
    assert all(result.history == () for result in results)
