"""NLL at a given rate, against known curves, and the coverage of its interval by simulation."""

import math

import numpy as np
import pytest

from fmnbench.board.frontier import MOST_LEVELS, Point, at_rate, levels, span
from fmnbench.board.verdicts import half_width

BOARDS = 600  # of each kind: 95 % of them have a standard error of 0.9 %


def point(rate, nll, label=""):
    return Point(label=label, rate=_floats(rate), nll=_floats(nll))


def _floats(values):
    return tuple(np.atleast_1d(values).astype(float).tolist())


def convex(rate):
    return 90 + (rate - 6) ** 2 / 4


def test_on_a_convex_curve_it_is_exact_at_points_and_at_most_too_high_between_them():
    gap = 0.5
    points = [point(rate, convex(rate)) for rate in np.arange(1, 9.5, gap)]
    for rate in np.linspace(1, 9, 41):
        found = at_rate(points, rate).mean
        # a chord of a parabola is above it by at most gap² / 8 times its second derivative
        assert 0 <= found - convex(rate) + 1e-12 <= gap**2 / 8 * 0.5 + 1e-12
    assert at_rate(points, 3.0).mean == pytest.approx(convex(3.0))
    assert at_rate(points, 3.25).mean == pytest.approx((convex(3.0) + convex(3.5)) / 2)


@pytest.mark.parametrize("rate", [0.999, 9.001, math.inf, math.nan])
def test_nothing_is_said_outside_the_measured_range(rate):
    points = [point(1.0, 5.0), point(9.0, 4.0)]
    assert at_rate(points, rate) is None
    assert at_rate(points, 1.0).mean == 5.0
    assert at_rate(points, 9.0).mean == 4.0


def test_a_single_point_and_points_at_one_rate_give_nothing():
    assert at_rate([point(1.0, 5.0)], 1.0) is None
    assert at_rate([point(1.0, 5.0), point(1.0, 4.0)], 1.0) is None
    assert at_rate([point(0.0, 5.0), point(1e-300, 1e100)], 1e-301) is None


def test_the_order_of_points_and_of_seeds_moves_nothing():
    rng = np.random.default_rng(0)
    rates, nlls = rng.normal(0, 0.1, (2, 4, 5)) + np.array([1, 2, 4, 8])[:, None]
    points = [point(*each) for each in zip(rates, nlls, strict=True)]
    order = rng.permutation(5)
    moved = [point(*each) for each in zip(rates[:, order], nlls[:, order], strict=True)]
    for rate in (1.3, 3.0, 7.5):
        ours, theirs = at_rate(points, rate), at_rate(moved[::-1], rate)
        assert (ours.n, ours.mean, ours.std) == pytest.approx((theirs.n, theirs.mean, theirs.std))


def test_one_seed_has_a_value_and_no_interval():
    found = at_rate([point(1.0, 5.0), point(3.0, 4.0)], 2.0)
    assert (found.n, found.mean, found.std) == (1, 4.5, None)
    assert half_width(found) is None


def test_seeds_that_lie_on_one_line_differ_in_rate_alone_and_have_no_spread():
    points = [
        Point(label="", rate=(1.0, 1.2, 0.8), nll=(99.0, 98.8, 99.2)),
        Point(label="", rate=(3.0, 3.1, 2.9), nll=(97.0, 96.9, 97.1)),
    ]
    assert at_rate(points, 2.0).std == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("n", [3, 10])
@pytest.mark.parametrize("correlation", [0.0, 0.5])
@pytest.mark.parametrize("share", [0.2, 0.5])
def test_the_interval_covers_the_curve_at_its_stated_rate(n, correlation, share):
    rng = np.random.default_rng([n, int(10 * correlation), int(10 * share)])
    rates, slope = np.array([2.0, 4.0]), -1.5
    rate = rates[0] + share * 2.0
    truth = 100 + slope * rate
    hits = 0
    for _ in range(BOARDS):
        common = rng.normal(0, math.sqrt(correlation), n)
        noise = rng.normal(0, math.sqrt(1 - correlation), (2, n)) + common
        moved = rng.normal(0, 0.05, (2, n))  # of the rates
        points = [
            point(own + shift, 100 + slope * own + 0.4 * each)
            for own, shift, each in zip(rates, moved, noise, strict=True)
        ]
        found = at_rate(points, rate)
        hits += abs(found.mean - truth) <= half_width(found)
    assert 0.93 <= hits / BOARDS <= 0.98


def test_levels_are_round_few_and_in_two_ranges_each():
    assert levels([(0.0, 10.0), (2.0, 30.0)]) == (2.0, 4.0, 6.0, 8.0, 10.0)
    assert levels([(0.0, 4.0), (1.1, 2.9), (10.0, 20.0), (11.0, 12.0)]) == (2.0, 12.0)
    assert levels([(0.31, 0.36), (0.3, 0.35)]) == (0.31, 0.32, 0.33, 0.34, 0.35)
    for low, width in [(0.0, 1e-4), (3.3, 0.07), (7.0, 0.9), (12.0, 31.0), (1.0, 4e5)]:
        found = levels([(low, low + width)] * 2)
        assert 2 <= len(found) <= MOST_LEVELS
        assert all(low <= rate <= low + width for rate in found)


@pytest.mark.parametrize(
    "spans", [[], [(0.0, 9.0)], [(0.0, 1.0), (2.0, 3.0)], [(0.0, 5e-324)] * 2]
)
def test_disjoint_ranges_have_no_common_rate(spans):
    assert levels(spans) == ()


def test_a_range_is_that_of_the_mean_rates():
    assert span([point([1.0, 3.0], [0, 0]), point([7.0, 9.0], [0, 0])]) == (2.0, 8.0)
