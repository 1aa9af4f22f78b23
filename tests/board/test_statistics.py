import math

import pytest
import scipy.stats
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fmnbench.board.statistics import holm, interval, mean, std

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
