"""Published values beside ours: whose they are, and the interval of the difference."""

import dataclasses
import statistics

import numpy as np
import pytest
import scipy.stats

from fmnbench.board import boards
from fmnbench.board.published import Published
from fmnbench.report.captions import sources

NLL = {0: 10.0, 1: 11.0, 2: 13.0}


def only(results, **options):
    (board,) = boards(results, **options)
    return board


def rows_of(board):
    return {row.label: row for row in board.rows}


def published(**fields):
    cell = {"track": "toy-mlp", "critic": "none", "objective": "elbo", "lambda_": 0.0}
    cell |= {"metric": "nll", "mean": 10.0, "std": 1.0, "runs": 3, "std_kind": "population"}
    return Published(**(cell | {"source": "S", "table": "T", "estimator": "E"} | fields))


def test_a_published_mean_stands_beside_ours_with_welchs_interval_of_the_difference(row):
    values = [65.7, 65.9, 65.2]
    theirs = [66.9, 67.4, 66.0]
    population = statistics.pstdev(theirs)
    value = published(mean=statistics.mean(theirs), std=population, runs=3)
    for protocol, metric in (("standard", "nll"), ("as-published", "report.nll")):
        said = dataclasses.replace(value, metric=metric)
        board = only(row(dict(enumerate(values)), metric), protocol=protocol, published=[said])
        found = board.rows[0].cells[metric].beside
        test = scipy.stats.ttest_ind(values, theirs, equal_var=False)
        low, high = test.confidence_interval(0.95)
        assert found.difference == pytest.approx(statistics.mean(values) - value.mean)
        assert found.difference - found.half_width == pytest.approx(low)
        assert found.difference + found.half_width == pytest.approx(high)
    assert board.is_compared
    sample = dataclasses.replace(value, std_kind="sample", std=statistics.stdev(theirs))
    again = only(row(dict(enumerate(values))), published=[sample]).rows[0].cells["nll"].beside
    assert again.half_width == pytest.approx(found.half_width)


@pytest.mark.parametrize(("seeds", "runs"), [(1, 3), (3, 1)])
def test_without_a_spread_there_is_a_difference_and_no_interval(row, seeds, runs):
    values = dict(enumerate([10.0, 11.0, 13.0][:seeds]))
    value = published(mean=12.0, std=0.0, runs=runs)
    found = only(row(values), published=[value]).rows[0].cells["nll"].beside
    assert (found.difference, found.half_width) == (
        pytest.approx(10 - 12 if seeds == 1 else -2 / 3),
        None,
    )


def test_a_row_on_the_other_side_of_the_vae_than_published_is_reversed(row):
    said = [published(mean=150.0), published(critic="self", lambda_=20.0, mean=160.0)]
    for ours, expected in ((8.0, True), (20.0, False)):
        other = row({0: ours, 1: ours + 1}, critic="self", lambda_=20.0)
        board = only([*row({0: 10.0, 1: 11.0}), *other], published=said)
        found = {
            label: each.cells["nll"].beside.is_reversed for label, each in rows_of(board).items()
        }
        assert found == {"VAE": False, "self λ=20": expected}


def test_deliberately_wrong_rows_have_an_interval_without_0_and_right_ones_as_often_as_said(row):
    draw = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        ours, theirs = draw.normal(100, 1, size=(2, 3))
        value = published(mean=float(theirs.mean()), std=float(theirs.std()), runs=3)
        found = only(row(dict(enumerate(ours.tolist()))), published=[value])
        each = found.rows[0].cells["nll"].beside
        covered += abs(each.difference) <= each.half_width
        wrong = published(mean=value.mean + 30, std=value.std, runs=3)
        each = (
            only(row(dict(enumerate(ours.tolist()))), published=[wrong])
            .rows[0]
            .cells["nll"]
            .beside
        )
        assert abs(each.difference) > each.half_width
    # Welch is somewhat careful at 3 and 3: 96.5 % here; two standard errors of 400 are 2 %
    assert 0.94 <= covered / 400 <= 0.985


def test_values_of_another_experiment_are_shown_without_a_verdict(row):
    board = only(row(NLL), published=[published(differs="ten times the data")])
    cell = board.rows[0].cells["nll"]
    assert (cell.published.mean, cell.beside) == (10.0, None)
    (line, *_) = sources(board)
    assert line.endswith("The experiments differ: ten times the data.")
    (line, *_) = sources(only(row(NLL), published=[published()]))
    assert "experiments differ" not in line


def test_what_is_published_but_not_run_is_a_row_of_holes_without_a_verdict(row):
    values = [published(critic="self", lambda_=20.0), published(track="unknown")]
    board = only(row(NLL), published=values)
    cell = rows_of(board)["self λ=20"].cells["nll"]
    assert (cell.hole, cell.published, cell.beside) == ("not run", values[0], None)


def test_published_values_stand_beside_rows_of_their_own_weight_and_critic_only(row):
    values = [published(critic="self", lambda_=20.0)]
    board = only([*row(NLL, critic="self", lambda_=20.0), *row(NLL)], published=values)
    assert [row.cells["nll"].published for row in board.rows] == [*values, None]
    other = only(row(NLL, critic="self", lambda_=1.0), published=values)
    assert [row.cells["nll"].hole for row in other.rows] == ["not run", None]
    assert [row.cells["nll"].published for row in other.rows] == [*values, None]
