"""Records that make no whole table: what they may not move, and what is said of them."""

import dataclasses
import itertools

import pytest

from fmnbench.board import boards
from fmnbench.report import render

VAE = dict(enumerate((30.0, 31.0, 32.5)))
SELF = dict(enumerate((25.0, 25.5, 24.6)))
NEURAL = dict(enumerate((31.5, 30.2, 32.9)))
USED = {"metrics": {"reference.nll": 60.0, "mi_lower": 2.0}}


def table(row):
    """A VAE, a row that is better and one that is open."""
    return [
        *row(VAE, **USED),
        *row(SELF, critic="self", lambda_=1.0, **USED),
        *row(NEURAL, critic="neural", lambda_=1.0, **USED),
    ]


def only(results, **options):
    (board,) = boards(results, **options)
    return board


def judged(board):
    """Returns each row's bold columns, and its differences with their verdicts, by its label."""
    return {
        row.label: {name: (cell.bold, cell.verdict, cell.mean) for name, cell in row.cells.items()}
        for row in board.rows
    }


def test_a_record_that_is_given_twice_counts_once(row):
    results = table(row)
    assert only(results + results[::-1]) == only(results)


@pytest.mark.parametrize(
    "spoiled",
    [
        {"status": "diverged", "error": "the loss is nan in epoch 3", "metrics": {}},
        {"metrics": {"nll": 3660.0, "mi_lower": 2.0, "reference.nll": 60.0}},
        {"metrics": {"nll": 1e80, "mi_lower": 2.0, "reference.nll": 60.0}},
    ],
    ids=["diverged", "learned nothing", "beyond all bounds"],
)
def test_a_row_that_diverged_moves_no_verdict_and_no_bold_of_another(row, spoiled):
    results = table(row)
    before = judged(only(results))
    assert before["self λ=1"]["delta.nll"][1] == "better"
    assert before["neural λ=1"]["delta.nll"][1] == "open"
    others = row(NEURAL, critic="hybrid", lambda_=1.0, **USED)
    for count in (1, 3) if "status" in spoiled else (3,):
        broken = [dataclasses.replace(each, **spoiled) for each in others[:count]]
        after = judged(only([*results, *broken, *others[count:]]))
        mine = after.pop("hybrid λ=1")
        assert after == before
        assert not any(bold for bold, _, _ in mine.values())
        assert {verdict for _, verdict, _ in mine.values()} == {None}


def test_runs_of_a_row_on_two_devices_are_never_averaged_and_a_line_says_so(row):
    results = table(row)
    on_gpu = row({3: 10.0}, critic="self", lambda_=1.0, provenance=GPU, **USED)
    before = only(results)
    board = only([*results, *on_gpu])
    assert [row.label for row in board.rows] == [
        *(row.label for row in before.rows),
        "self λ=1 [device cuda]",
    ]
    assert judged(board).items() >= judged(before).items()
    assert (board.seeds, board.left_out) == (before.seeds, before.left_out)
    odd = board.rows[-1]
    assert odd.stale
    assert odd.cells["nll"].mean == 10.0
    (note,) = [board.notes[number - 1] for number in odd.notes]
    assert "another device; it is compared with no other row (seed 3)" in note
    assert note in render([board], "markdown")


GPU = {"device": "cuda:1", "device_name": "a GPU", "started": "2027-01-01T00:00:00+00:00"}


def test_the_device_with_the_most_runs_is_the_row_whatever_came_last(row):
    first = row({0: 25.0, 1: 25.5}, critic="self", lambda_=1.0, provenance=GPU)
    rest = row({2: 24.6}, critic="self", lambda_=1.0)
    for results in itertools.permutations([*first, *rest]):
        board = only(list(results))
        assert [row.label for row in board.rows] == ["self λ=1", "self λ=1 [device cpu]"]
        assert [sorted(row.records) for row in board.rows] == [[0, 1], [2]]


def test_two_gpus_are_one_kind_of_device(row):
    other = {**GPU, "device": "cuda:0"}
    board = only(row({0: 1.0}, provenance=GPU) + row({1: 2.0}, provenance=other))
    assert [sorted(row.records) for row in board.rows] == [[0, 1]]


def test_a_run_that_failed_elsewhere_is_still_a_hole_of_its_row(row, make_result):
    failed = make_result(seed=2, status="out_of_memory", error="no room", provenance=GPU)
    board = only([*row({0: 30.0, 1: 31.0}), failed])
    (plain,) = board.rows
    assert "seed 2 out of memory: no room" in plain.cells["nll"].hole


def test_rows_on_different_devices_are_still_compared(row):
    results = [*row(VAE, **USED), *row(SELF, critic="self", provenance=GPU, **USED)]
    assert judged(only(results))["self λ=0"]["delta.nll"][1] == "better"


def test_a_table_without_a_vae_shows_its_rows_and_says_why_nothing_is_compared(row):
    results = [each for each in table(row) if each.spec.critic != "none"]
    board = only(results)
    assert [row.cells["nll"].n for row in board.rows] == [3, 3]
    assert not any(column.metric.startswith("delta.") for column in board.columns)
    text = render([board], "markdown")
    assert "there is no plain VAE in this table: no row has a difference from it" in text
    assert "there is no plain VAE" not in render([only(table(row))], "markdown")


def test_a_vae_that_lacks_a_seed_is_shown_and_says_why_nothing_is_compared(row, make_result):
    failed = make_result(seed=2, status="failed", error="no such luck")
    results = [each for each in table(row) if (each.spec.critic, each.spec.seed) != ("none", 2)]
    board = only([*results, failed])
    assert "seed 2 failed: no such luck" in render([board], "markdown")
    assert "the plain VAE lacks runs: no row has a difference from it" in render(
        [board], "markdown"
    )


def test_a_seed_that_one_row_alone_has_is_left_out_and_said(row):
    results = table(row)
    more = row({7: 99.0}, critic="self", lambda_=1.0, **USED)
    board = only([*results, *more])
    assert judged(board) == judged(only(results))
    assert board.left_out == (7,)
    assert "eed 7" in render([board], "markdown")


def test_no_order_of_records_moves_anything(row):
    results = table(row)
    assert all(
        only(list(order)) == only(results)
        for order in itertools.islice(itertools.permutations(results), 0, None, 9_973)
    )
