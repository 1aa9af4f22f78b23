import dataclasses
import math

import pytest

from fmnbench.board import boards
from fmnbench.board.relations import Relations, Superseded
from fmnbench.report import render
from fmnbench.report.captions import held_fixed
from fmnbench.spec import Task

NLL = {0: 10.0, 1: 11.0, 2: 13.0}


def only(results, **options):
    (board,) = boards(results, **options)
    return board


def shifted(values, by):
    return {seed: value + by for seed, value in values.items()}


def rows_of(board):
    return {row.label: row for row in board.rows}


def marked(board, row, metric=None):
    """Returns the footnotes of a row, or of one of its cells."""
    numbers = row.cells[metric].notes if metric else row.notes
    return [board.notes[number - 1] for number in numbers]


def test_a_cell_has_mean_sample_std_and_interval_of_its_seeds(row):
    cell = only(row(NLL)).rows[0].cells["nll"]
    assert (cell.n, cell.mean) == (3, pytest.approx(34 / 3))
    assert cell.std == pytest.approx(math.sqrt(7 / 3))
    # t of 97.5 % at 2 degrees of freedom is 4.302653, from a printed table
    assert cell.half_width == pytest.approx(4.302653 * math.sqrt(7 / 9))


def test_the_report_protocol_has_the_population_std_and_its_own_metrics(row):
    board = only(row(NLL, "report.nll"), protocol="as-published")
    assert board.rows[0].cells["report.nll"].std == pytest.approx(math.sqrt(14 / 9))
    assert [column.metric.partition(".")[0] for column in board.columns] == ["report"] * 5


def test_one_failed_seed_makes_the_whole_row_a_hole_with_its_reason(row, make_result):
    lost = make_result(
        critic="self", lambda_=20.0, seed=2, status="diverged", error="loss is nan\nin epoch 3"
    )
    board = only([*row(NLL), *row({0: 1.0, 1: 1.0}, critic="self", lambda_=20.0), lost])
    hole = rows_of(board)["self λ=20"]
    assert {cell.mean for cell in hole.cells.values()} == {None}
    assert marked(board, hole) == ["self λ=20: seed 2 diverged: loss is nan in epoch 3"]
    assert hole.records[2] == lost.spec.key
    assert rows_of(board)["VAE"].cells["nll"].mean is not None


@pytest.mark.parametrize("status", ["failed", "timeout", "out_of_memory", "skipped"])
def test_every_other_ending_than_done_makes_a_hole(make_result, status):
    board = only([make_result(status=status, error="why " * 100)])
    (note,) = marked(board, board.rows[0])
    assert note.startswith(f"VAE: seed 0 {status.replace('_', ' ')}: why why")
    assert len(note) < 200


def test_a_table_has_the_seeds_that_all_rows_share(row, make_result):
    lost = make_result(critic="neural", lambda_=1.0, seed=1, status="failed", error="why")
    more = row({1: 1.0, 2: 2.0, 4: 4.0}, critic="self", lambda_=1.0)
    board = only([*row(NLL), *more])
    assert (board.seeds, board.left_out) == ((1, 2), (0, 4))
    assert [row.cells["nll"].mean for row in board.rows] == [12.0, 1.5]
    assert [set(row.records) for row in board.rows] == [{1, 2}] * 2
    text = render([board], "markdown")
    assert "n = 2 seeds (1, 2). " in text
    assert " Seeds 0, 4 are left out, as some rows lack them." in text
    board = only([*row(NLL), *more, lost])  # a failed run is a record: its seed is shared
    assert (board.seeds, board.left_out) == ((1,), (0, 2, 4))
    assert [row.cells["nll"].mean for row in board.rows] == [11.0, None, 1.0]


def test_a_row_that_was_not_run_leaves_no_seed_out(row, make_result):
    missing = make_result(critic="self", lambda_=1.0).spec.task
    board = only(row(NLL), expected={"toy-mlp": [missing]})
    assert (board.seeds, board.left_out) == ((0, 1, 2), ())
    assert "left out, as some rows" not in render([board], "markdown")


def test_rows_that_share_no_seed_are_holes_over_all_seeds(row):
    board = only([*row({0: 1.0}), *row({1: 1.0}, critic="self", lambda_=1.0)])
    assert (board.seeds, board.left_out) == ((0, 1), ())
    assert {row.cells["nll"].mean for row in board.rows} == {None}


def test_given_seeds_are_the_tables_also_where_no_row_has_them(row):
    board = only([*row(NLL), *row(NLL, critic="self", lambda_=1.0)], seeds=(2, 1))
    assert (board.seeds, board.left_out) == ((1, 2), ())
    assert [row.cells["nll"].mean for row in board.rows] == [12.0, 12.0]
    board = only(row(NLL), seeds=(2, 3))
    assert marked(board, board.rows[0]) == ["VAE: seed 3 not run"]
    assert board.rows[0].cells["nll"].mean is None


def test_a_given_seed_makes_a_hole_where_it_is_missing(row):
    board = only([*row(NLL), *row({1: 1.0}, critic="self", lambda_=1.0)], seeds=(0, 1, 2))
    assert board.seeds == (0, 1, 2)
    assert marked(board, rows_of(board)["self λ=1"]) == ["self λ=1: seeds 0, 2 not run"]


def test_a_metric_that_one_seed_lacks_is_a_hole_of_that_cell_alone(row, make_result):
    last = make_result(seed=2, metrics={"nll": 4.0, "kl": 5.0})
    board = only([*row({0: 1.0, 1: 2.0}), last])
    assert board.rows[0].cells["nll"].mean == pytest.approx(7 / 3)
    assert board.rows[0].cells["kl"].mean is None
    assert marked(board, board.rows[0], "kl") == ["VAE: no kl for seeds 0, 1"]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_not_finite_is_never_averaged(row, value):
    cell = only(row({0: 1.0, 1: value})).rows[0].cells["nll"]
    assert (cell.mean, cell.hole) == (None, "no nll for seed 1")


def test_expected_rows_come_in_their_order_and_those_not_run_are_holes(row):
    track = row(NLL)[0].spec.track
    filled = {"embedding": 8, "x_hidden": 12}
    tasks = [
        Task(track=track, critic="neural", critic_settings={"embedding": 8}, lambda_=20.0),
        Task(track=track, critic="hybrid", lambda_=20.0),
        Task(track=track, critic="self", lambda_=20.0),
        Task(track=track, critic="none"),
    ]
    results = [
        *row(NLL),
        *row(NLL, critic="neural", lambda_=20.0, critic_settings=filled),
        *row(NLL, critic="extra", lambda_=1.0),
    ]
    board = only(results, expected={"toy-mlp": tasks})
    assert [row.label for row in board.rows] == [
        "neural λ=20",
        "hybrid λ=20",
        "self λ=20",
        "VAE",
        "extra λ=1",
    ]
    assert board.notes == ("not run",)
    assert [row.notes for row in board.rows] == [(), (1,), (1,), (), ()]


def test_an_expected_task_with_another_setting_than_the_record_is_not_run(row):
    results = row(NLL, critic="neural", lambda_=1.0, critic_settings={"embedding": 8})
    task = Task(
        track=results[0].spec.track,
        critic="neural",
        critic_settings={"embedding": 16},
        lambda_=1.0,
    )
    board = only(results, expected={"toy-mlp": [task]})
    assert [row.label for row in board.rows] == [
        "neural(embedding=16) λ=1",
        "neural(embedding=8) λ=1",
    ]
    assert marked(board, board.rows[0]) == ["not run"]


def test_a_suite_may_write_a_whole_number_where_the_record_has_a_float(row):
    filled = {"variance": 4.0, "hidden": (8.0, 2.0)}
    track = {"architecture_settings": filled}
    results = row(NLL, critic="self", lambda_=1.0, critic_settings={"t": 2.0}, track=track)
    recipe = dataclasses.replace(
        results[0].spec.track, architecture_settings={"variance": 4, "hidden": (8, 2)}
    )
    task = Task(track=recipe, critic="self", critic_settings={"t": 2}, lambda_=1.0)
    board = only(results, expected={"toy-mlp": [task]})
    assert [row.cells["nll"].n for row in board.rows] == [3]


def test_an_expected_track_without_records_is_a_board_of_holes(make_result):
    task = make_result(track={"name": "other"}).spec.task
    board = only([], expected={"other": [task]})
    assert (board.title, board.seeds, board.notes) == ("other", (), ("not run",))


def test_the_table_of_a_superseded_track_names_the_track_that_replaces_it(row):
    old = Superseded(by="toy-mlp.v2", reason="its weights started elsewhere")
    results = row(NLL)
    known = Relations(superseded={results[0].spec.track.name: old})
    board = only(results, relations=known)
    assert held_fixed(board).endswith(
        "Replaced by the track toy-mlp.v2: its weights started elsewhere."
    )
    assert "Replaced" not in held_fixed(only(results))
