"""Proposals: a grid, then TPE; the same ones after the same trials, and none twice."""

import dataclasses
import warnings

import pytest
from made_up_runs import PROVENANCE, numbers

from fmnbench.spec import Result
from fmnbench.tune.sampler import proposals
from fmnbench.tune.space import first_points
from fmnbench.tune.trials import trials_of

GRID = {0.1, 0.316, 1.0, 3.16, 10.0, 31.6, 100.0}


def with_trials(study, points, status="done"):
    """Returns the finished trials of a study at some points, one begun after the other."""
    made = []
    for place, values in enumerate(points):
        started = f"2026-01-01T00:{place // 60:02}:{place % 60:02}+00:00"
        for spec in study.specs(values):
            origin = dataclasses.replace(PROVENANCE, started=started)
            metrics = numbers(spec) if status == "done" else {}
            made.append(Result(spec=spec, status=status, metrics=metrics, provenance=origin))
    return trials_of(study, made)


def carried_out(study, width=1):
    """Returns the points of a study in the order of their proposal."""
    points = []
    while batch := proposals(study, with_trials(study, points), width):
        points += batch
    return points


@pytest.mark.parametrize(
    ("goal", "low", "high", "chance"),
    [
        ("nll", 1.0, 4.0, 0.2),
        ("front", 2.0, 100.0, 0.57),
    ],  # the optimum is 2; the front begins there
)
def test_a_study_begins_with_the_grid_and_then_searches_where_trials_were_good(
    define, goal, low, high, chance
):
    points = [values["lambda"] for values in carried_out(define(trials=30, goal=goal))]
    assert len(set(points)) == len(points) == 30
    assert set(points[:7]) == GRID
    good = sum(low <= weight <= high for weight in points[7:])
    assert good / 23 > chance + 0.2


def test_the_same_trials_lead_to_the_same_proposals_in_whatever_order_they_ended(define):
    study = define(trials=20)
    points = carried_out(study)
    for count in (7, 8, 13):
        before = with_trials(study, points[:count])
        assert proposals(study, before, 1) == [points[count]]
        assert proposals(study, before[::-1], 1) == [points[count]]


def test_no_point_is_proposed_twice_after_a_resume(define):
    short, longer = define(trials=12), define(trials=20)
    points = carried_out(short)
    more = list(points)
    while batch := proposals(longer, with_trials(longer, more), 1):
        assert all(values not in more for values in batch)
        more += batch
    assert more == carried_out(longer)
    assert more[:12] == points
    assert len(more) == 20


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_batch_that_was_cut_off_is_taken_up_as_it_was(define, kept):
    study = define(trials=16)
    points = carried_out(study, width=3)
    assert len(points) == 16
    before, batch = points[:10], points[10:13]
    rest = proposals(study, with_trials(study, before + batch[:kept]), 3)
    assert rest == batch[kept:]


def test_a_longer_study_takes_up_a_last_batch_that_was_short(define):
    longer = carried_out(define(trials=14), width=3)
    assert carried_out(define(trials=11), width=3) == longer[:11]
    study = define(trials=14)
    assert proposals(study, with_trials(study, longer[:11]), 3) == longer[11:13]


def test_trials_that_went_wrong_are_neither_repeated_nor_learned_from(define):
    study = define(trials=9)
    grid = first_points(study.space)
    after = proposals(study, with_trials(study, grid, status="diverged"), 2)
    assert len(after) == 2
    assert all(values not in grid for values in after)


def test_a_space_of_few_values_is_exhausted_and_the_study_ends(define):
    task = dataclasses.replace(define().task, critic="neural")
    given = ["lambda=linear:1:1.02", "z_hidden=linear:2:3"]
    points = carried_out(define(trials=40, task=task, space=given))
    assert {tuple(values.values()) for values in points} == {
        (weight, width) for weight in (1.0, 1.01, 1.02) for width in (2, 3)
    }


def test_a_space_of_two_gives_whole_numbers_where_the_setting_is_one(define):
    task = dataclasses.replace(define().task, critic="neural")
    study = define(trials=12, task=task, space=["z_hidden=log:2:64"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Optuna's own are not the user's
        points = carried_out(study)
    assert all(type(values["critic.z_hidden"]) is int for values in points[7:])
    assert len({values["critic.z_hidden"] for values in points[7:]}) > 1
