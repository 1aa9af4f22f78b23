import math

import pytest
import scipy.stats
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fmnbench.board.statistics import holm, interval, mean, paired_p_value, separable, std

FEW_DIGITS = st.integers(-1000, 1000).map(lambda value: value / 8)  # differences are exact


def test_mean_and_std_of_a_hand_made_sample():
    values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]
    assert mean(values) == 5
    assert std(values, population=True) == pytest.approx(2)
    assert std(values, population=False) == pytest.approx(math.sqrt(32 / 7))


def test_one_value_has_a_population_std_of_0_and_no_sample_std_or_interval():
    assert std([3.0], population=True) == 0
    assert std([3.0], population=False) is None
    assert interval([3.0]) is None


@given(st.floats(-1e300, 1e300), st.integers(1, 20))
def test_equal_values_have_a_std_of_exactly_0(value, n):
    assert mean([value] * n) == value
    assert std([value] * n, population=True) == 0


def test_losses_that_almost_overflow_still_have_a_mean_and_a_std():
    assert mean([1.7e308, 1.7e308]) == 1.7e308
    assert std([1e200, 3e200], population=True) == pytest.approx(1e200)


@settings(deadline=None)
@given(st.lists(FEW_DIGITS, min_size=2, max_size=8))
def test_std_and_interval_agree_with_scipy(values):
    assume(len(set(values)) > 1)
    assert std(values, population=False) == pytest.approx(scipy.stats.tstd(values))
    error = scipy.stats.sem(values)
    low, high = scipy.stats.t.interval(0.9, len(values) - 1, mean(values), error)
    assert interval(values, 0.9) == pytest.approx((high - low) / 2)


@settings(deadline=None)
@given(st.lists(st.tuples(FEW_DIGITS, FEW_DIGITS), min_size=2, max_size=8))
def test_the_paired_p_value_agrees_with_scipy(pairs):
    a, b = zip(*pairs, strict=True)
    assume(len({x - y for x, y in pairs}) > 1)
    expected = scipy.stats.ttest_rel(a, b).pvalue
    assert paired_p_value(a, b) == pytest.approx(expected, rel=1e-6, abs=1e-12)
    assert paired_p_value(b, a) == paired_p_value(a, b)


def test_the_paired_p_value_of_two_seeds_is_an_arctangent():
    # At one degree of freedom Student's t is Cauchy's: p = 1 − 2/π · arctan t, here t = 3.
    assert paired_p_value([5.0, 3.0], [3.0, 2.0]) == pytest.approx(1 - 2 / math.pi * math.atan(3))


def test_seeds_are_paired_so_that_a_common_shift_between_them_does_not_hide_a_difference():
    a, b = [100.0, 200.0, 300.0], [101.0, 201.1, 300.9]
    assert paired_p_value(a, b) < 0.01
    assert scipy.stats.ttest_ind(a, b).pvalue > 0.9


@pytest.mark.parametrize(
    ("a", "b", "p"),
    [
        ([1.0, 2.0, 4.0], [2.0, 3.0, 5.0], 0.0),  # always exactly 1 worse
        ([1.0, 2.0, 4.0], [1.0, 2.0, 4.0], 1.0),
        ([1.0], [9.0], 1.0),
        ([], [], 1.0),
    ],
)
def test_p_values_at_the_limits(a, b, p):
    assert paired_p_value(a, b) == p


def test_holm_agrees_with_hand_values():
    # 0.01 · 4, max(0.04, 0.02 · 3), max(0.06, 0.03 · 2), max(0.06, 0.04 · 1)
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=6))
def test_holm_keeps_the_order_and_lies_between_no_correction_and_bonferroni(p_values):
    adjusted = holm(p_values)
    for p, q in zip(p_values, adjusted, strict=True):
        assert p <= q <= min(1.0, len(p_values) * max(p_values))
    ranked = [q for _, q in sorted(zip(p_values, adjusted, strict=True))]
    assert ranked == sorted(ranked)


def test_a_difference_that_one_comparison_shows_is_not_shown_among_many():
    best, other = [1.0, 2.0, 3.0], [1.9, 3.1, 4.5]
    assert 0.01 < paired_p_value(best, other) < 0.05
    assert separable(best, [other]) == [True]
    alike = [[1.1, 1.9, 3.05], [0.9, 2.2, 2.8], [1.2, 1.7, 3.3], [0.8, 2.1, 3.3]]
    assert separable(best, [other, *alike]) == [False] * 5
