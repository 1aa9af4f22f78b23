"""The space of a study: λ, declared ranges, and those that the user gives."""

import dataclasses

import pytest

from fmnbench.errors import UsageError
from fmnbench.planning.plan import resolve
from fmnbench.registry import Range
from fmnbench.tune.space import first_points, space_of, value_of, with_values

NEURAL = {"x_hidden": 16, "z_hidden": 8, "embedding": 8}


def spans(task, *given):
    return {each.key: each.span for each in space_of(task, given)}


@pytest.fixture
def task(define):
    return define().task


def test_lambda_is_always_searched_and_declared_ranges_hold_where_the_user_is_silent(task):
    weight = Range(0.1, 100.0, log=True)
    beta = dataclasses.replace(task, objective="beta")
    assert spans(task) == {"lambda": weight}
    assert spans(beta) == {"lambda": weight, "objective.beta": Range(0.01, 2.0, log=True)}
    given = ("lambda=log:1:10", "temperature=log:0.3:3", "beta=linear:0:1")
    assert spans(beta, *given) == {
        "lambda": Range(1.0, 10.0, log=True),
        "objective.beta": Range(0.0, 1.0),
        "critic.temperature": Range(0.3, 3.0, log=True),
    }
    alone = dataclasses.replace(beta, critic="none", lambda_=0.0)
    assert list(spans(alone)) == ["objective.beta"]


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("lambda=log:10:1", "from a lower to a higher number, not from 10 to 1"),
        ("lambda=log:0:1", "a logarithmic range starts above 0, not at 0"),
        ("lambda=linear:-1:1", "λ is 0 or above"),
        ("lambda=log:one:2", "could not convert string to float: 'one'"),
        ("lambda=1:2", "it must be KEY=log:LOW:HIGH or KEY=linear:LOW:HIGH"),
        ("lambda", "it must be KEY=log:LOW:HIGH"),
        ("tempersture=log:1:2", "Did you mean 'critic.temperature'?"),
        ("direction=log:1:2", "Unknown setting to search 'direction'"),
    ],
)
def test_a_range_that_cannot_be_searched_is_one_clear_line(task, given, complaint):
    with pytest.raises(UsageError) as caught:
        space_of(task, [given])
    assert complaint in str(caught.value)


def test_a_range_must_fit_the_setting_s_type(task):
    neural = dataclasses.replace(task, critic="neural", critic_settings=NEURAL)
    with pytest.raises(UsageError, match=r"no whole number from 8\.2 to 8\.4"):
        space_of(neural, ["x_hidden=linear:8.2:8.4"])
    _, width = space_of(neural, ["x_hidden=log:4:64"])
    assert (width.is_whole, width.start, width.at(0.5), width.tidy(7.4)) == (True, 16, 16, 7)
    row = with_values(neural, {"lambda": 2.0, "critic.x_hidden": 7})
    assert resolve(row, 0).critic_settings["x_hidden"] == 7
    assert value_of(row, "critic.x_hidden") == 7
    assert value_of(row, "critic.temperature") == pytest.approx(2.659, abs=1e-3)


def test_a_critic_without_lambda_has_nothing_to_tune(task):
    plain = dataclasses.replace(task, critic="none")
    with pytest.raises(UsageError, match="The critic 'none' has no λ to tune"):
        space_of(plain, [])
    with pytest.raises(UsageError, match="Unknown setting to search 'lambda'"):
        space_of(plain, ["lambda=log:1:2"])


def test_the_first_grid_spans_the_range_and_so_does_each_beginning_of_it(task):
    points = [point["lambda"] for point in first_points(space_of(task, []))]
    assert sorted(points) == [0.1, 0.316, 1.0, 3.16, 10.0, 31.6, 100.0]
    assert sorted(points[:2]) == [0.1, 100.0]
    assert sorted(points[:3]) == [0.1, 3.16, 100.0]
    assert sorted(points[:5]) == [0.1, 0.316, 3.16, 31.6, 100.0]


def test_the_grid_moves_lambda_alone_and_leaves_other_settings_where_they_are(task):
    points = first_points(space_of(task, ["temperature=log:0.3:3"]))
    assert {point["critic.temperature"] for point in points} == {1.0}
    assert len({point["lambda"] for point in points}) == 7
    outside = first_points(space_of(task, ["temperature=log:2:3"]))
    assert {point["critic.temperature"] for point in outside} == {2.0}


def test_values_have_three_digits_and_stay_within_the_range(task):
    (weight,) = space_of(task, ["lambda=log:0.12345:9.8765"])
    assert weight.tidy(1.23456) == 1.23
    assert weight.tidy(0.001) == weight.at(0.0) == 0.12345
    assert weight.tidy(50.0) == weight.at(1.0) == 9.8765
    assert (weight.edge(0.12345), weight.edge(9.8765), weight.edge(1.0)) == ("lower", "upper", "")
