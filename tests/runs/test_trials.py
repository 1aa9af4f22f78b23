"""A trial of tuning is a run that validation rows judge, of seeds that no board reports."""

import dataclasses

import pytest
import torch

from fmnbench.board import boards
from fmnbench.datasets.toy import Toy
from fmnbench.errors import UsageError
from fmnbench.planning.plan import Plan, plan, resolve
from fmnbench.records import schema
from fmnbench.records.definitions import OF_TRIALS
from fmnbench.records.store import Store
from fmnbench.registry import metrics
from fmnbench.runs.campaign import carry_out
from fmnbench.runs.endings import ROWS
from fmnbench.runs.estimate import estimate
from fmnbench.runs.evaluation import Clock, evaluate
from fmnbench.runs.executors.base import RunOptions
from fmnbench.runs.executors.stopping import ask_to_stop
from fmnbench.runs.run import Conditions, build, execute
from fmnbench.seeds import TUNING
from fmnbench.spec import Task, Track

TRACK = Track(
    name="tiny",
    dataset="toy",
    dataset_settings={"rows_per_class": 60},
    architecture="mlp",
    architecture_settings={"hidden": (8,), "latent": 2},
    epochs=2,
    batch_size=64,
    learning_rate=1e-3,
    nll_samples=5,
)
SPEC = resolve(Task(track=TRACK, critic="self", lambda_=1.0), TUNING)
TRIAL = dataclasses.replace(SPEC, judged="validation")


def test_a_trial_has_a_key_of_its_own_and_a_record_of_validation_metrics_alone(tmp_path):
    result = execute(TRIAL, Conditions(), work=tmp_path, report=lambda _epoch, _entry: None)
    assert TRIAL.key != SPEC.key
    assert (result.status, result.error, result.broken) == ("done", None, {})
    assert set(result.metrics) == set(OF_TRIALS) - {"ppl"}
    assert schema.parse(schema.dump(result), "it").result == result
    assert result.rows is None  # it has no test rows
    assert not (tmp_path / ROWS).exists()


def test_a_trial_is_judged_as_a_run_whose_test_rows_are_the_validation_rows(tmp_path):
    splits = Toy(rows_per_class=60).load().to(torch.device("cpu"), torch.float32)
    vae = build(TRIAL, splits).vae
    values = evaluate(vae, splits.without_test(), TRIAL, Clock()).values
    swapped = splits.with_rows(test=splits.validation, validation=splits.test)
    reported = evaluate(vae, swapped, SPEC, Clock()).values
    assert set(reported) > set(values)
    assert values == {name: reported[name] for name in values}


def test_every_metric_of_a_trial_is_registered():
    assert set(OF_TRIALS) <= set(metrics.names())


def test_the_cost_of_a_trial_is_told_without_test_rows():
    cost = estimate(TRIAL, device="cpu", threads=1, enough=0.01)
    assert 0 < cost.nll < cost.run


def test_a_trial_is_on_no_board(make_result):
    reported = make_result(metrics={"nll": 1.0})
    trial = make_result(metrics={"nll": 0.5}, judged="validation", seed=TUNING)
    (board,) = boards([reported, trial])
    assert board.seeds == (0,)
    assert board.rows[0].cells["nll"].mean == 1.0
    assert boards([trial]) == []


def test_a_seed_of_tuning_cannot_be_reported(fmnbench, tmp_path):
    row = Task(track=TRACK, critic="none")
    assert plan([row], [TUNING - 1]).specs[0].seed == TUNING - 1
    with pytest.raises(UsageError, match=f"The seed {TUNING} is one of tuning"):
        plan([row], [0, TUNING])
    given = ["--suite", "quick", "--dataset", "digits", "--seeds", f"{TUNING},", "--dry-run"]
    done = fmnbench("run", *given, "--store", tmp_path)
    assert (done.code, done.complaint.endswith(f"reported seeds are below {TUNING}.")) == (2, True)


@pytest.mark.slow
def test_a_run_that_is_asked_to_stop_ends_after_its_epoch_as_skipped_with_the_reason(tmp_path):
    long = dataclasses.replace(TRIAL, track=dataclasses.replace(TRACK, epochs=500))
    store, heard = Store(tmp_path), []

    def listen(event):
        heard.append(event)
        if event.kind == "epoch" and event.epoch == 2:
            ask_to_stop(store, long.key, "enough")

    outcome = carry_out(Plan(specs=(long,)), RunOptions(store=tmp_path), listen)
    (result,) = outcome.results.values()
    assert (result.status, result.error) == ("skipped", "enough")
    epochs = [event for event in heard if event.kind == "epoch"]
    assert 2 <= len(epochs) < 500
    assert all(event.bound > 0 for event in epochs)
    again = carry_out(Plan(specs=(long,)), RunOptions(store=tmp_path), listen)
    assert again.stored == {long.key}
