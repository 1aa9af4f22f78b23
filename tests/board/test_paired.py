"""Two rows by test row: hand-made numbers, scipy, and the stated coverage by simulation."""

import math

import numpy as np
import pytest
import scipy.stats

from fmnbench.board.paired import paired

BOARDS = 600  # of each kind: 95 % of them have a standard error of 0.9 %


def test_a_hand_made_pair_has_both_errors_and_the_rows_it_wins():
    ours = np.array([[1.0, 2.0, 3.0, 4.0], [2.0, 2.0, 4.0, 4.0]])
    theirs = np.array([[2.0, 3.0, 3.0, 4.0], [2.0, 3.0, 3.0, 6.0]])
    found = paired("mine", ours, theirs)
    # D = −0.5, −1, +0.5, −1; means of seeds 2.5, 3 and 3, 3.5: std √½ / 2 of either
    assert found.difference == pytest.approx(-0.5)
    assert found.of_seeds == pytest.approx(math.sqrt(0.125 / 2 + 0.125 / 2))
    assert found.of_rows == pytest.approx(np.std([-0.5, -1, 0.5, -1], ddof=1) / 2)
    assert found.share == 0.75
    assert (found.label, found.seeds, found.n) == ("mine", 2, 4)


def test_a_tie_is_half_a_row_won():
    assert paired("mine", np.array([[1.0, 2.0]]), np.array([[1.0, 3.0]])).share == 0.75


def test_the_interval_of_one_seed_is_that_of_two_models_alone():
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(60, 5, (2, 1, 800))
    found = paired("mine", ours, theirs)
    test = scipy.stats.ttest_rel(ours[0], theirs[0]).confidence_interval(0.95)
    assert found.of_seeds is None
    assert found.half_width == pytest.approx((test.high - test.low) / 2, rel=2e-3)
    assert found.half_width == pytest.approx(1.959964 * found.of_rows)


def test_the_interval_of_seeds_that_hardly_differ_is_that_of_the_test_rows():
    rng = np.random.default_rng(1)
    ours, theirs = rng.normal(60, 5, (2, 1, 500)).repeat(3, 1)
    found = paired("mine", ours, theirs)
    (test,) = [scipy.stats.ttest_rel(ours[0], theirs[0]).confidence_interval(0.95)]
    assert found.of_seeds == 0
    assert found.half_width == pytest.approx((test.high - test.low) / 2)


def test_the_interval_of_very_many_test_rows_is_welchs_over_seeds():
    rng = np.random.default_rng(2)
    seeds = rng.normal(60, 1, (2, 3, 1))
    ours, theirs = np.broadcast_to(seeds, (2, 3, 50_000))
    found = paired("mine", ours, theirs)
    test = scipy.stats.ttest_ind(*seeds[:, :, 0], equal_var=False).confidence_interval(0.95)
    assert found.half_width == pytest.approx((test.high - test.low) / 2)


def test_more_test_rows_do_not_shrink_the_part_of_the_seeds():
    rng = np.random.default_rng(3)
    seeds, rows = rng.normal(0, 1, (2, 3, 1)), rng.normal(0, 5, (2, 1, 100))
    few = paired("mine", *(seeds + rows))
    many = paired("mine", *np.tile(seeds + rows, 16))
    assert many.of_seeds == pytest.approx(few.of_seeds)
    assert many.of_rows == pytest.approx(few.of_rows / 4, rel=0.01)


def test_the_other_way_round_all_is_mirrored_and_no_order_moves_anything():
    rng = np.random.default_rng(4)
    ours, theirs = rng.normal(60, 5, (2, 4, 90))
    found, back = paired("mine", ours, theirs), paired("mine", theirs, ours)
    assert back.difference == -found.difference
    assert back.share == pytest.approx(1 - found.share)
    assert (back.of_seeds, back.of_rows) == pytest.approx((found.of_seeds, found.of_rows))
    assert back.half_width == pytest.approx(found.half_width)
    seeds, rows = rng.permutation(4), rng.permutation(90)
    moved = paired("mine", ours[seeds][:, rows], theirs[:, rows])
    assert moved.half_width == pytest.approx(found.half_width)
    assert moved.difference == pytest.approx(found.difference)
    assert moved.share == found.share


def test_a_row_whose_seeds_differ_in_kind_has_no_interval():
    rng = np.random.default_rng(5)
    found = paired("mine", *rng.normal(60, 5, (2, 3, 90)), mixed=True)
    assert found.half_width is None
    assert found.of_seeds > 0


def test_one_test_row_has_no_error_over_test_rows():
    found = paired("mine", np.array([[1.0]]), np.array([[2.0]]))
    assert (found.of_rows, found.half_width, found.difference) == (None, None, -1.0)


@pytest.mark.parametrize("n", [3, 10])
@pytest.mark.parametrize("ratio", [1, 30])
@pytest.mark.parametrize("over_rows", [0.1, 3.0], ids="{}".format)
def test_the_interval_covers_the_difference_of_new_seeds_and_new_test_rows(n, ratio, over_rows):
    rows = 60
    rng = np.random.default_rng([n, ratio, int(10 * over_rows)])
    hits = 0
    for _ in range(BOARDS):
        shared = rng.normal(0, 9, rows)  # a hard row is hard for both
        seeds = rng.normal(0, 1, (2, n, 1)) * np.array([1.0, 1.0 / ratio])[:, None, None]
        own = rng.normal(0, over_rows * math.sqrt(rows / n), (2, 1, rows)) / math.sqrt(2)
        found = paired("mine", *(shared + seeds + own))
        hits += abs(found.difference) <= found.half_width
    # Satterthwaite's is a little wide where few seeds of one row carry the error: up to 97.5 %
    assert 0.93 <= hits / BOARDS <= 0.98


@pytest.mark.parametrize("rows", [60, 500])
def test_the_interval_of_one_seed_covers_the_difference_of_these_two_models(rows):
    rng = np.random.default_rng(rows)
    hits = 0
    for _ in range(BOARDS):
        # skewed, as likelihoods are
        shared, own = rng.gamma(2, 9, rows), rng.gamma(2, 1, (2, 1, rows))
        found = paired("mine", *(shared + own))
        hits += abs(found.difference) <= found.half_width
    assert 0.93 <= hits / BOARDS <= 0.97
