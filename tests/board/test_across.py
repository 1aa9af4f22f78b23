"""Methods across whole tracks: shares, the probability of improvement, and its interval."""

import math

import numpy as np
import pytest
import scipy.stats

from fmnbench.board import Relations, SmallerCopy, boards
from fmnbench.board.across import across, with_runs
from fmnbench.report.overview import overview

USED = {"reference.nll": 600.0, "mi_lower": 2.0}


def tracks(row, differences, spread=1.0, n=4, names="abcdefgh", seed=0):
    """Returns results of a VAE and a self critic on several tracks, with their differences."""
    rng = np.random.default_rng(seed)
    results = []
    for name, difference in zip(names, differences, strict=False):
        for critic, mean in (("none", 100.0), ("self", 100.0 + difference)):
            values = dict(enumerate(rng.normal(mean, spread, n).tolist()))
            results += row(values, critic=critic, track={"name": f"track-{name}"}, metrics=USED)
    return results


def made(results, relations=None):
    relations = relations or Relations()
    return with_runs(boards(results, relations=relations), results, relations)


def test_a_method_of_four_tracks_has_its_share_and_the_mann_whitney_probability(row):
    results = tracks(row, [-9.0, 0.3, -0.5, 9.0])
    (found,) = across(made(results))
    expected = []
    for name in "abcd":
        of = {
            critic: [
                each.metrics["nll"]
                for each in results
                if (each.spec.track.name, each.spec.critic) == (f"track-{name}", critic)
            ]
            for critic in ("none", "self")
        }
        expected.append(scipy.stats.mannwhitneyu(of["none"], of["self"]).statistic / 16)
    assert (found.method, found.tracks, found.better) == ("self", 4, 1)
    assert found.improvement == pytest.approx(np.mean(expected))
    assert found.low < found.improvement < found.high


def test_three_tracks_say_nothing(row):
    assert across(made(tracks(row, [-1.0, -1.0, -1.0]))) == []


def test_equal_runs_are_ties_and_a_clear_difference_is_certain(row):
    (tied,) = across(made(tracks(row, [0.0] * 4, spread=0.0)))
    assert (tied.improvement, tied.low, tied.high) == (0.5, 0.5, 0.5)
    (clear,) = across(made(tracks(row, [-50.0] * 4)))
    assert (clear.better, clear.improvement, clear.low, clear.high) == (4, 1.0, 1.0, 1.0)


def test_the_same_records_in_any_order_give_the_same_numbers(row):
    results = tracks(row, [-1.0, 0.3, -0.5, 1.0])
    assert across(made(results)) == across(made(results[::-1]))


def test_small_copies_changed_and_replaced_tracks_do_not_count(row):
    results = tracks(row, [-1.0] * 5)
    copy = SmallerCopy(track="another", differs="rows")
    relations = Relations(smaller_copies={"track-b": copy})
    (found,) = across(made(results, relations))
    assert found.tracks == 4
    changed = tracks(row, [-1.0] * 4, names=["a", "b", "c", "d+epochs=2"])
    assert across(made(changed)) == []
    assert across(made(tracks(row, [-1.0] * 4, n=1))) == []


def test_a_track_with_two_rows_of_a_method_does_not_count(row):
    results = tracks(row, [-1.0] * 4)
    more = row(
        {0: 99.0, 1: 98.0, 2: 97.0, 3: 99.5},
        critic="self",
        lambda_=7.0,
        track={"name": "track-a"},
        metrics=USED,
    )
    assert across(made(results + more)) == []


def test_the_overview_has_a_sentence_once_four_tracks_have_a_method(row):
    found = overview(made(tracks(row, [-50.0] * 4)))
    assert ": ".join(found.answers[-1]).startswith(
        "Across the 4 whole tracks that have self: better than the VAE in 4 of them; the "
        "probability that a run of it has the lower NLL is 1.00 [1.00, 1.00]"
    )
    assert len(overview(made(tracks(row, [-50.0] * 3))).answers) == 2


def test_the_interval_covers_the_true_probability_nearly_at_its_rate(row):
    shift = 0.7
    truth = scipy.stats.norm.cdf(shift / math.sqrt(2))
    hits = 0
    for seed in range(60):  # boards, each of six tracks
        (found,) = across(made(tracks(row, [-shift] * 6, n=8, seed=seed)))
        hits += found.low <= truth <= found.high
    # a percentile bootstrap of eight runs is a little narrow; 60 boards tell 0.85 from 0.95
    assert hits / 60 >= 0.85


def test_intervals_are_wider_of_fewer_runs(row):
    widths = [
        found.high - found.low
        for n in (3, 30)
        for found in across(made(tracks(row, [-0.5] * 4, n=n)))
    ]
    few, many = widths
    assert few > 2 * many


def test_every_method_has_its_own_line(row):
    results = tracks(row, [-1.0] * 4)
    for name in "abcd":
        results += row(
            {seed: 101.0 + seed for seed in range(4)},
            objective="beta",
            objective_settings={"beta": 0.5},
            track={"name": f"track-{name}"},
            metrics=USED,
        )
    assert sorted(each.method for each in across(made(results))) == ["beta", "self"]
