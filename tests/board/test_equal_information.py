"""Methods at equal rates, from made-up records whose curve is known in closed form."""

import dataclasses
import json
import math

import pytest

from fmnbench.board import boards, with_equal_information
from fmnbench.report import Options, render
from fmnbench.report.figures import equal_information_figure

VARIANCES, NOISE = (4.0, 2.0), 0.5  # of rows along their axes, and of a linear decoder
BETAS = (0.5, 0.7, 1.0, 1.4, 2.0, 3.0)
SWING = (-0.01, 0.0, 0.01)  # nats by seed


def closed_form(beta):
    """NLL and rate of a linear β-VAE at its optimum, in nats (Lucas et al. 2019, sec. 4.2).

    Its aggregate posterior is the prior, so that its rate is its information.
    """
    nll = rate = 0.0
    for variance in VARIANCES:
        model = variance + (1 - beta) * NOISE
        nll += 0.5 * (math.log(2 * math.pi * model) + variance / model)
        rate += 0.5 * math.log(variance / (beta * NOISE))
    return nll, rate


def beta_at(rate):
    """The β whose optimum has a rate: the inverse of the above."""
    return math.exp((sum(map(math.log, VARIANCES)) - 2 * rate) / 2) / NOISE


def method(make_result, values, swing=SWING, **fields):
    """Returns the runs of a row from its NLL and rate."""
    nll, rate = values
    metrics = [{"nll": nll + 2 * each, "kl": rate + each} for each in swing]
    return [make_result(seed=seed, metrics=each, **fields) for seed, each in enumerate(metrics)]


def beta_rows(make_result, betas=BETAS, **fields):
    return [
        run
        for beta in betas
        for run in method(
            make_result,
            closed_form(beta),
            objective="beta",
            objective_settings={"beta": beta},
            **fields,
        )
    ]


def critic_rows(make_result, rates=(1.2, 1.6, 2.2), cost=1.0, **fields):
    """Rows whose NLL is `cost` above the closed form's, at rates that no β row has."""
    return [
        run
        for place, rate in enumerate(rates)
        for run in method(
            make_result,
            (closed_form(beta_at(rate))[0] + cost, rate),
            critic="self",
            lambda_=float(place + 1),
            **fields,
        )
    ]


def made(results, **options):
    (board,) = with_equal_information(boards(results, **options), results)
    return board


def test_a_sweep_lies_on_its_closed_form_at_every_common_rate(make_result):
    found = made(beta_rows(make_result) + critic_rows(make_result)).equal_information
    beta, critic = found.courses
    assert (beta.label, critic.label) == ("VAE by β", "self by λ")
    assert beta.lowest == pytest.approx(closed_form(BETAS[-1])[1])
    assert beta.highest == pytest.approx(closed_form(BETAS[0])[1])
    assert len(found.levels) >= 3
    for rate, reading in zip(found.levels, beta.values, strict=True):
        truth = closed_form(beta_at(rate))[0]
        # chords of a convex curve are above it, here by less than 0.02 nats
        assert -1e-9 <= reading.nll - truth < 0.02


def test_the_difference_at_a_rate_is_what_the_method_costs_there(make_result):
    results = beta_rows(make_result) + critic_rows(make_result)
    found = made(results).equal_information
    beta, critic = found.courses
    assert set(beta.differences) == {None}
    for rate, reading in zip(found.levels, critic.differences, strict=True):
        assert 1.2 <= rate <= 2.2
        assert reading.nll == pytest.approx(1.0, abs=0.04)
        assert 0 < reading.half_width < 0.2


def test_outside_its_own_range_a_method_has_no_value(make_result):
    critics = critic_rows(make_result) + [
        dataclasses.replace(run, spec=dataclasses.replace(run.spec, critic="neural"))
        for run in critic_rows(make_result, rates=(1.3, 1.45))
    ]
    found = made(beta_rows(make_result) + critics).equal_information
    assert max(found.levels) > 1.45
    (short,) = [course for course in found.courses if course.label.startswith("neural")]
    for rate, reading in zip(found.levels, short.values, strict=True):
        assert (reading is None) == (not 1.3 <= rate <= 1.45)


def test_a_single_point_has_no_row_and_the_reason(make_result):
    plain = method(make_result, closed_form(1.0))
    board = made(beta_rows(make_result) + critic_rows(make_result, rates=(1.5,)) + plain)
    found = board.equal_information
    assert [course.label for course in found.courses] == ["VAE by β"]
    assert found.levels == ()
    assert found.left_out == {"VAE": "a single point", "self λ=1": "a single point"}
    text = render([board], "markdown").replace("\\", "")
    assert "Only one method was run at several settings, so nothing is compared" in text
    assert "self λ=1 (a single point)" in text


def test_disjoint_ranges_have_no_row_and_the_reason(make_result):
    board = made(beta_rows(make_result) + critic_rows(make_result, rates=(5.0, 6.0)))
    assert board.equal_information.levels == ()
    text = render([board], "markdown")
    assert "No two methods share a range of KL, so nothing is compared: VAE by β from" in text
    assert "| at KL" not in text


def test_a_table_without_a_sweep_says_nothing(make_result):
    plain = method(make_result, closed_form(1.0))
    board = made(plain + critic_rows(make_result, rates=(1.5,)))
    assert board.equal_information is None
    assert "What a nat" not in render([board], "markdown")


def test_a_row_whose_seeds_differ_in_using_z_is_no_point(make_result):
    results = beta_rows(make_result)
    odd = [
        dataclasses.replace(run, metrics={**run.metrics, "z_dependence": float(run.spec.seed > 0)})
        for run in results
        if run.spec.objective_settings["beta"] == 1.0
    ]
    rest = [run for run in results if run.spec.objective_settings["beta"] != 1.0]
    found = made(rest + odd + critic_rows(make_result)).equal_information
    assert list(found.left_out.values()) == ["its seeds differ in whether they use z"]
    assert len(found.courses[0].points) == len(BETAS) - 1


def test_rows_that_differ_in_two_settings_are_on_no_common_curve(make_result):
    cold = critic_rows(make_result, (1.3, 1.9), critic_settings={"temperature": 0.5})
    results = critic_rows(make_result, critic_settings={"temperature": 1.0}) + cold
    found = made(results).equal_information
    over_lambda = [course for course in found.courses if " by λ" in course.label]
    assert sorted(len(course.points) for course in over_lambda) == [2, 3]
    assert len({course.label for course in found.courses}) == len(found.courses)


def test_one_seed_has_values_without_intervals(make_result):
    results = beta_rows(make_result, swing=(0.0,)) + critic_rows(make_result, swing=(0.0,))
    board = made(results)
    for course in board.equal_information.courses:
        assert all(each.half_width is None for each in course.values if each)
    assert "(none of one seed)" in render([board], "markdown")


def test_the_order_of_records_moves_nothing(make_result):
    results = beta_rows(make_result) + critic_rows(make_result)
    assert made(results[::-1]) == made(results)


def test_every_format_has_it_and_the_figure_is_the_same_each_time(make_result):
    results = beta_rows(make_result) + critic_rows(make_result)
    board = made(results)
    text = render([board], "markdown").replace("\\", "")
    assert "**What a nat of information costs**" in text
    heads = next(line for line in text.splitlines() if line.startswith("| at KL (nats) |"))
    assert heads.count("|") == len(board.equal_information.levels) + 2
    (found,) = json.loads(render([board], "json"))
    assert found["equal_information"]["courses"][0]["label"] == "VAE by β"
    drawn = equal_information_figure(board)
    assert drawn == equal_information_figure(made(results[::-1]))
    assert drawn.startswith("<?xml")
    name = "toy-mlp/equal-information.svg"
    shown = render([board], "markdown", Options(figures={name: f"figures/{name}"}))
    assert f"](figures/{name})" in shown
