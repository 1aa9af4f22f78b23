"""Intervals and verdicts against scipy, closed forms, and their stated error by simulation."""

import itertools

import numpy as np
import pytest
import scipy.stats

from fmnbench.board.verdicts import (
    Sample,
    best_set,
    contrasts,
    deciding_seeds,
    half_width,
    sample,
)

BOARDS = 300  # of each kind
A, B = [65.7, 65.9, 65.2], [66.9, 67.4, 66.0, 66.6]


def lower(baseline, *rows, margin=0.0):
    made = contrasts(
        sample(baseline), [sample(row) for row in rows], lower_is_better=True, margin=margin
    )
    return [each.verdict for each in made]


def test_the_interval_is_welchs():
    theirs = scipy.stats.ttest_ind(A, B, equal_var=False).confidence_interval(0.95)
    ours = half_width(sample(A), sample(B))
    assert ours == pytest.approx((theirs.high - theirs.low) / 2)
    assert half_width(sample(B), sample(A)) == pytest.approx(ours)


def test_one_value_or_no_spread_has_no_interval_and_no_verdict():
    assert half_width(sample([1.0]), sample(B)) is None
    assert half_width(sample([1.0, 1.0]), sample([2.0, 2.0])) is None
    assert lower([1.0, 1.0, 1.0], [2.0, 2.0, 2.0], [2.0]) == ["open", "open"]
    assert best_set([sample([1.0]), sample([2.0])], lower_is_better=True) == [True, True]


def test_a_direction_turns_better_into_worse():
    far = [value + 50 for value in A]
    assert lower(A, far) == ["worse"]
    (other,) = contrasts(sample(A), [sample(far)], lower_is_better=False, margin=0.0)
    assert (other.verdict, other.difference) == ("better", pytest.approx(50))


def test_a_real_difference_within_the_margin_is_the_same():
    near = [value + 0.01 for value in (1.0, 1.001, 0.999)]
    base = [1.0, 1.0005, 0.9995]
    assert lower(base, near) == ["worse"]
    assert lower(base, near, margin=0.5) == ["same"]
    assert lower(base, near, margin=0.0101) == ["worse"]  # the interval leaves the margin


def test_an_open_contrast_says_how_many_seeds_would_decide_it():
    a, b = Sample(n=3, mean=0.0, std=1.0), Sample(n=3, mean=1.0, std=1.0)
    # 16 of each: the known answer of a two-sample t test at 80 % power and an effect of one std
    # is 17; the approximation by quantiles may be off by one
    assert deciding_seeds(a, b, margin=0.0) in {16, 17, 18}
    same = Sample(n=3, mean=0.0, std=1.0)
    # 90 % interval within ±1: 1.66 · √(2 / n) ≤ 1 at n = 7 with t quantiles
    n = deciding_seeds(a, same, margin=1.0)
    width = scipy.stats.t.ppf(0.95, 2 * n - 2) * np.sqrt(2 / n)
    before = scipy.stats.t.ppf(0.95, 2 * n - 4) * np.sqrt(2 / (n - 1))
    assert width <= 1.0 < before
    assert deciding_seeds(a, same, margin=0.0) is None


def test_the_order_of_rows_and_of_seeds_moves_nothing():
    rows = [sample(A), sample(B), sample([70.0, 75.0, 72.0])]
    for order in itertools.permutations(range(3)):
        found = best_set([rows[place] for place in order], lower_is_better=True)
        assert [found[order.index(place)] for place in range(3)] == [True, False, False]
    assert lower(A, B) == lower(A[::-1], B[::-1]) == ["worse"]


@pytest.mark.parametrize(("n", "rows"), [(3, 4), (5, 4), (10, 4), (3, 12)])
@pytest.mark.parametrize("ratio", [1.0, 30.0])
@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_errors_are_at_most_the_stated_ones_when_all_rows_are_equal(n, rows, ratio, correlation):
    draw = np.random.default_rng([n, rows, int(ratio), int(correlation * 2)])
    spreads = np.geomspace(1, ratio, rows)[:, None]
    covered = wrong = left_out = 0.0
    for _ in range(BOARDS):
        shared = np.sqrt(correlation) * draw.normal(size=n)
        own = np.sqrt(1 - correlation) * draw.normal(size=(rows, n))
        board = [sample(row) for row in draw.permutation(spreads * (shared + own)).tolist()]
        found = contrasts(board[0], board[1:], lower_is_better=True, margin=0.0)
        covered += np.mean([abs(each.difference) <= each.half_width for each in found])
        wrong += any(each.verdict != "open" for each in found)
        left_out += not best_set(board, lower_is_better=True)[1]
    # 0.02 of slack and two standard errors of a share of 5 % among so many boards
    slack = 0.02 + 2 * np.sqrt(0.05 * 0.95 / BOARDS)
    assert covered / BOARDS >= 0.95 - slack
    assert wrong / BOARDS <= 0.05 + slack
    assert left_out / BOARDS <= 0.05 + slack
    if correlation == 0:  # rows that move together have smaller differences than Welch allows for
        assert covered / BOARDS <= 0.95 + slack


def test_what_differs_is_found():
    draw = np.random.default_rng(0)
    found = [
        lower(draw.normal(size=3).tolist(), draw.normal(10, 1, size=3).tolist())
        for _ in range(100)
    ]
    assert found.count(["worse"]) > 90
