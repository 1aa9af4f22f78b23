"""Pruning: only where the likelihood alone is the goal, and only runs that are worse than most."""

import dataclasses
from pathlib import Path

import pytest
from made_up_runs import MadeUp, nll

from fmnbench.records.store import Store
from fmnbench.runs.executors.base import Event
from fmnbench.tune.pruning import reason_to_prune
from fmnbench.tune.trials import trials_of

EPOCHS = 6


@pytest.fixture
def long(define):
    """Returns a builder of studies whose runs have six epochs."""

    def build(goal, trials=20, seeds=1):
        task = define().task
        track = dataclasses.replace(task.track, epochs=EPOCHS)
        return define(
            trials=trials, seeds=seeds, goal=goal, task=dataclasses.replace(task, track=track)
        )

    return build


def grid(study):
    """Returns the seven trials of the grid, whose bounds are their NLL."""
    made = [
        MadeUp().run(spec, Store(Path("nowhere")), lambda _event: None)
        for weight in (0.1, 0.316, 1.0, 3.16, 10.0, 31.6, 100.0)
        for spec in study.specs({"lambda": weight})
    ]
    return trials_of(study, made)


def reason(study, trials, *, bound, epoch=3, weight=5.0):
    (spec, *_) = study.specs({"lambda": weight}) if weight else study.baseline
    return reason_to_prune(study, Event(spec=spec, kind="epoch", epoch=epoch, bound=bound), trials)


def test_a_run_above_the_median_bound_of_its_epoch_is_stopped_and_told_why(long):
    study = long("nll")
    trials = grid(study)
    median = nll(0.316)  # of 1, 3.16, 10, 0.316, 31.6, 0.1 and 100, by their distance from 2
    assert sorted(trial.means["nll"] for trial in trials)[3] == pytest.approx(median)
    assert reason(study, trials, bound=median) is None
    assert reason(study, trials, bound=median + 0.01) == (
        f"pruned after epoch 3: its bound on validation rows, {median + 0.01:.2f} nats, is above "
        f"{median:.2f}, the median of 7 trials"
    )


def test_the_plain_vae_the_first_epochs_and_the_first_trials_are_never_stopped(long):
    study = long("nll")
    trials = grid(study)
    assert reason(study, trials, bound=200.0, epoch=2)
    assert reason(study, trials, bound=200.0, epoch=1) is None
    assert reason(study, trials, bound=200.0, weight=None) is None
    assert reason(study, trials[1:], bound=200.0) is None
    assert reason(study, trials, bound=None) is None


def test_a_study_of_the_likelihood_prunes_bad_trials_and_still_finds_the_optimum(
    long, tune, tmp_path, made_up
):
    study = tune(long("nll"), tmp_path)
    ends = [trial.ending for trial in study.trials]
    assert len(ends) == 20
    assert set(ends) == {"done", "pruned"}
    assert ends[:8] == ["done"] * 8
    pruned = [trial for trial in study.trials if trial.ending == "pruned"]
    limit = sorted(nll(trial.values["lambda"]) for trial in study.trials if trial.is_done)[3]
    assert all(nll(trial.values["lambda"]) > limit for trial in pruned)
    assert study.choice.trial.values["lambda"] == pytest.approx(2.0, rel=0.2)
    again = tune(long("nll"), tmp_path)
    assert len(again.trials) == 20
    assert len(made_up.ran) == 21


def test_a_study_of_the_front_prunes_nothing_and_runs_pruned_trials_to_their_end(
    long, tune, tmp_path, made_up
):
    before = tune(long("nll"), tmp_path)
    pruned = [trial.values["lambda"] for trial in before.trials if trial.ending == "pruned"]
    assert pruned
    after = tune(long("front"), tmp_path)
    assert {trial.ending for trial in after.trials} == {"done"}
    assert len(after.trials) == 20
