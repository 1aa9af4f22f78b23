"""The table of likelihoods by test row, from records that kept them."""

import dataclasses
import json

import numpy as np
import pytest
from kept_rows import with_rows

from fmnbench.board import boards, with_likelihoods
from fmnbench.records.rows import likelihoods
from fmnbench.records.store import Store
from fmnbench.report import render

ROWS = np.random.default_rng(0).gamma(4.0, 9.0, 300)
SELF = {"critic": "self", "lambda_": 1.0}
GAIN = 0.5  # nats that the self critic gains at every second test row


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "records")


@pytest.fixture
def kept(store, make_result):
    """Returns a function that saves a row's runs with their likelihoods."""

    def save(seeds, gain=0.0, **fields):
        for seed in seeds:
            values = ROWS + 0.1 * seed - gain * (np.arange(len(ROWS)) % 2)
            with_rows(store, make_result(seed=seed, **fields), values)

    return save


def made(store, **options):
    results, errors = store.results()
    assert errors == []
    found = boards(results, **options)
    return with_likelihoods(found, results, lambda result: likelihoods(store, result))


def test_a_row_is_compared_with_the_vae_at_each_test_row(store, kept):
    kept(range(3))
    kept(range(3), GAIN, **SELF)
    (board,) = made(store)
    (row,) = board.likelihoods
    assert (row.label, row.seeds, row.n) == ("self λ=1", 3, 300)
    assert row.difference == pytest.approx(-GAIN / 2, abs=1e-5)
    assert row.share == 0.75  # it wins every second row, and ties at the others
    assert row.of_seeds == pytest.approx(0.1 * np.sqrt(2 / 3), rel=1e-4)
    assert row.of_rows == pytest.approx(GAIN / 2 / np.sqrt(300), rel=0.01)
    (cell,) = [each.cells["delta.nll"] for each in board.rows if not each.is_plain]
    assert row.difference == pytest.approx(cell.mean, abs=1e-5)
    assert row.half_width > cell.half_width  # by the part of the test rows


def test_both_errors_are_printed_and_what_one_seed_says_is_said(store, kept):
    kept(range(3))
    kept(range(3), GAIN, **SELF)
    text = render(made(store), "markdown")
    assert "| method | Δ NLL (nats) | SE of seeds | SE of test rows | test rows won |" in text
    assert "| self λ=1 | -0.25 ± 0.23 | 0.082 | 0.014 | 75.0% |" in text.replace("\\", "")
    assert "It says nothing of training again" not in text
    one = render(made(store, seeds=[0]), "markdown")
    assert "| self λ=1 | -0.25 ± 0.03 | — | 0.014 | 75.0% |" in one.replace("\\", "")
    assert "It says nothing of training again" in one


def test_a_table_of_one_seed_has_an_interval_and_no_verdict(store, kept):
    kept([0])
    kept([0], GAIN, **SELF)
    (board,) = made(store)
    (row,) = board.likelihoods
    assert row.of_seeds is None
    assert row.half_width == pytest.approx(1.959964 * row.of_rows)
    assert not any(cell.verdict for each in board.rows for cell in each.cells.values())


def test_json_has_what_the_table_shows(store, kept):
    kept(range(3))
    kept(range(3), GAIN, **SELF)
    (board,) = made(store)
    (found,) = json.loads(render([board], "json"))
    assert found["likelihoods"] == [dataclasses.asdict(board.likelihoods[0])]


def test_a_row_without_likelihoods_is_left_out_and_changes_no_other(store, kept, make_result):
    kept(range(3))
    kept(range(3), GAIN, **SELF)
    before = made(store)[0].likelihoods
    for seed in range(3):
        store.save(make_result(seed=seed, critic="neural", metrics={"nll": 30.0 + seed}))
    (board,) = made(store)
    assert board.likelihoods == before
    assert len(board.rows) == 3


def test_without_those_of_the_vae_there_is_no_table(store, kept, make_result):
    for seed in range(3):
        store.save(make_result(seed=seed, metrics={"nll": 30.0 + seed}))
    kept(range(3), GAIN, **SELF)
    (board,) = made(store)
    assert board.likelihoods == ()
    assert "Likelihood by test row" not in render([board], "markdown")


def test_a_row_that_lacks_the_file_of_one_seed_is_left_out(store, kept, make_result):
    kept(range(3))
    kept(range(3), GAIN, **SELF)
    store.rows("toy-mlp", make_result(seed=1, **SELF).spec.key).unlink()
    assert made(store)[0].likelihoods == ()


def test_a_failed_run_makes_its_row_a_hole_here_too(store, kept, make_result):
    kept(range(3))
    kept(range(2), GAIN, **SELF)
    store.save(make_result(seed=2, status="failed", error="no such luck", **SELF))
    assert made(store, seeds=[0, 1, 2])[0].likelihoods == ()


def test_a_damaged_file_is_one_line_and_costs_the_report_nothing_else(
    store, kept, make_result, fmnbench
):
    kept(range(3))
    kept(range(3), GAIN, **SELF)
    path = store.rows("toy-mlp", make_result(seed=1, **SELF).spec.key)
    path.write_bytes(b"{")
    done = fmnbench("report", "--store", store.folder, "--format", "markdown")
    assert done.code == 1
    (line,) = done.err.splitlines()
    assert f"{path}: its SHA-256 is not that of the record" in line
    assert "| self λ=1 |" in done.out
    assert "Likelihood by test row" not in done.out
