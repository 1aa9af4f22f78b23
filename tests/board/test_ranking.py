"""What is bold, what counts, and how rows are judged beside the plain VAE."""

import math

import pytest

from fmnbench.board import boards
from fmnbench.board.base import DELTA
from fmnbench.board.relations import Relations
from fmnbench.board.verdicts import half_width, sample
from fmnbench.report import render

NLL = {0: 100.0, 1: 100.5, 2: 99.8}
USED, UNUSED = {"z_dependence": 0.5}, {"z_dependence": 0.0}


def only(results, **options):
    (board,) = boards(results, **options)
    return board


def shifted(by, values=NLL):
    return {seed: value + by for seed, value in values.items()}


def bold(board, metric="nll"):
    return {row.label for row in board.rows if row.cells[metric].bold}


def verdicts(board, metric="nll"):
    cells = {row.label: row.cells[DELTA + metric] for row in board.rows}
    return {label: cell.verdict for label, cell in cells.items()}


def test_bold_is_the_set_without_rows_that_some_row_beats(row):
    board = only(
        [
            *row(NLL),
            *row(shifted(0.1), critic="alike"),
            *row(shifted(20.0), critic="worse"),
        ]
    )
    assert bold(board) == {"VAE", "alike λ=0"}
    assert board.undecided == ()


def test_a_column_in_which_nothing_is_left_out_is_not_bold_but_undecided(row):
    board = only([*row(NLL), *row(shifted(0.1), critic="alike")])
    assert bold(board) == set()
    assert board.undecided == ("nll",)
    assert "Not decided at n = 3: NLL." in render([board], "markdown")


def test_the_highest_is_bold_where_higher_is_better_and_none_without_a_direction(row):
    board = only(
        [
            *row(NLL, "mi_lower", metrics={"kl": 1.0}),
            *row(shifted(50), "mi_lower", critic="self", metrics={"kl": 2.0}),
        ]
    )
    assert bold(board, "mi_lower") == {"self λ=0"}
    assert bold(board, "kl") == set()


def test_one_seed_or_one_row_makes_nothing_bold(row):
    one_seed = only([*row({0: 1.0}), *row({0: 9.0}, critic="self")])
    cells = [each.cells["nll"] for each in (*one_seed.rows, *only(row(NLL)).rows)]
    assert not any(cell.bold for cell in cells)
    assert [cell.std is None for cell in cells] == [True, True, False]


def test_a_row_with_a_hole_does_not_compete(row, make_result):
    lost = make_result(critic="self", seed=2, status="failed", error="x")
    holes = [*row({0: 0.0, 1: 0.0}, critic="self"), lost]
    board = only([*row(NLL), *row(shifted(20), critic="b"), *holes])
    assert bold(board) == {"VAE"}
    assert verdicts(board) == {"VAE": None, "b λ=0": "worse", "self λ=0": None}


@pytest.mark.parametrize(
    "flaw", [UNUSED, {"reference.nll": 10.0}], ids=["ignores z", "learned nothing"]
)
def test_a_row_that_ignores_z_or_has_learned_nothing_is_never_bold_nor_a_rival(row, flaw):
    flawed = row(shifted(-50), critic="flawed", metrics=flaw)
    sound = {"reference.nll": 1000.0} | USED
    rows = [*row(NLL, metrics=sound), *row(shifted(20), critic="worse", metrics=sound)]
    if "reference.nll" in flaw:
        rows = [*row(NLL, metrics=USED), *row(shifted(20), critic="worse", metrics=USED)]
        flawed = row(shifted(5000), critic="flawed", metrics={"reference.nll": 1000.0})
    board = only([*rows, *flawed])
    assert bold(board) == {"VAE"}
    assert verdicts(board)["flawed λ=0"] is None
    assert math.isfinite({r.label: r for r in board.rows}["flawed λ=0"].cells["delta.nll"].mean)


def test_a_row_in_which_one_seed_uses_z_says_so_and_shows_its_middle(row, make_result):
    mixed = [
        make_result(critic="mixed", seed=seed, metrics={"nll": nll, "z_gain": gain})
        for seed, nll, gain in ((0, 90.0, 5.0), (1, 120.0, 0.0), (2, 101.0, 0.0))
    ]
    board = only([*row(NLL, metrics={"z_gain": 1.0}), *mixed])
    found = board.rows[1]
    assert found.cells["nll"].middle == (101.0, 90.0, 120.0)
    assert "1 of 3 seeds uses z, 95 % interval 4–82 %" in board.notes[found.notes[0] - 1]
    assert verdicts(board)["mixed λ=0"] is None
    assert r"101.00 \[90.00, 120.00\]" in render([board], "markdown")


def test_density_is_judged_by_its_distance_from_that_of_real_data(row):
    reference = {"reference.density": 0.9}
    near = {0: 0.89, 1: 0.92, 2: 0.9}
    board = only(
        [
            *row(shifted(-0.6, near), "density", metrics=reference),
            *row(near, "density", critic="near", metrics=reference),
        ]
    )
    assert bold(board, "density") == {"near λ=0"}
    assert "| density → 0.90 |" in render([board], "markdown")


def test_a_column_at_its_ceiling_is_saturated_and_ranks_nothing(row):
    ceiling = {"mi_ceiling": 9.0}
    board = only(
        [
            *row({0: 8.9, 1: 8.91, 2: 8.92}, "mi_lower", metrics=ceiling),
            *row({0: 8.99, 1: 8.991, 2: 8.992}, "mi_lower", critic="self", metrics=ceiling),
        ]
    )
    assert (bold(board, "mi_lower"), board.saturated) == (set(), ("mi_lower",))
    assert "Saturated: MI lower." in render([board], "markdown")


def test_each_row_has_its_difference_from_the_vae_with_a_verdict(row):
    board = only(
        [
            *row(NLL),
            *row(shifted(-20), critic="good"),
            *row(shifted(20), critic="bad"),
            *row({0: 90.0, 1: 115.0, 2: 99.0}, critic="wild"),
        ]
    )
    found = {label.split()[0]: verdict for label, verdict in verdicts(board).items()}
    assert found == {"VAE": None, "good": "better", "bad": "worse", "wild": "open"}
    text = render([board], "markdown")
    assert "-20.00 ± 0.82 better |" in text
    assert " open (" in text


def test_the_margin_of_a_suite_decides_what_counts_as_the_same(row):
    tight = {0: 100.0, 1: 100.01, 2: 100.02}
    results = [*row(tight), *row(shifted(0.3, tight), critic="self")]
    name = results[0].spec.track.name
    assert verdicts(only(results))["self λ=0"] == "same"
    strict = Relations(margins={name: {"nll": 0.1}})
    assert verdicts(only(results, relations=strict))["self λ=0"] == "worse"


def test_a_table_without_a_plain_vae_has_no_differences(row):
    board = only([*row(NLL, critic="a"), *row(shifted(1), critic="b")])
    assert not [column for column in board.columns if column.metric.startswith(DELTA)]


def test_perplexity_is_that_of_the_mean_nll(row):
    nlls = {0: 400.0, 1: 410.0, 2: 900.0}
    results = [
        each
        for seed, nll in nlls.items()
        for each in row({seed: math.exp(nll / 80)}, "ppl", metrics={"nll": nll})
    ]
    cell = only(results).rows[0].cells["ppl"]
    assert (cell.mean, cell.std) == (pytest.approx(math.exp(570 / 80)), None)


def test_a_readers_error_moves_verdicts_bold_sets_intervals_and_what_is_said_of_them(row):
    results = [*row({0: 10.0, 1: 11.0, 2: 12.0}), *row({0: 7.0, 1: 8.5, 2: 8.0}, critic="self")]
    (usual,), (strict,) = boards(results), boards(results, error=0.005)
    verdicts = [board.rows[1].cells["delta.nll"].verdict for board in (usual, strict)]
    assert verdicts == ["better", "open"]
    assert [cell_row.cells["nll"].bold for cell_row in usual.rows] == [False, True]
    assert strict.undecided == ("nll",)
    ours, theirs = sample([7.0, 8.5, 8.0]), sample([10.0, 11.0, 12.0])
    for board, level in ((usual, 0.95), (strict, 0.995)):
        expected = half_width(ours, theirs, level=level)
        assert board.rows[1].cells["delta.nll"].half_width == pytest.approx(expected)
    text = render([strict], "markdown")
    assert "± half of its 99.5 % Welch interval. Better, worse: at 0.5 % over all rows" in text
    assert "the 99 % interval lies within a margin" in text
    assert "with 99.5 % confidence" in text
