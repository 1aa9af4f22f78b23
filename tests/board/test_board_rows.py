import itertools
import os
import pickle
import random
import subprocess
import sys

import pytest

from fmnbench.board import boards
from fmnbench.spec import Task

NLL = {0: 10.0, 1: 11.0, 2: 13.0}


def only(results, **options):
    (board,) = boards(results, **options)
    return board


def shifted(values, by):
    return {seed: value + by for seed, value in values.items()}


OLD = {"provenance": {"started": "2025-01-01T00:00:00+00:00"}}


@pytest.mark.parametrize(
    ("change", "label"),
    [
        ({"versions": {"training": "0"}}, "VAE [training 0]"),
        ({"versions": {"training": "1", "critic": "7"}}, "VAE [critic 7]"),
        ({"dataset_fingerprint": "0123456789"}, "VAE [dataset 01234567]"),
    ],
)
def test_two_versions_of_a_row_are_two_rows_and_the_older_competes_with_none(row, change, label):
    best_by_far = row(shifted(NLL, -5.0), **change, **OLD)
    board = only([*best_by_far, *row(NLL), *row(shifted(NLL, 20.0), critic="self", lambda_=1.0)])
    assert [row.label for row in board.rows] == ["VAE", "self λ=1", label]
    new, _, old = board.rows
    assert (new.cells["nll"].n, old.cells["nll"].n) == (3, 3)
    assert new.cells["nll"].mean - old.cells["nll"].mean == pytest.approx(5)
    assert new.cells["nll"].bold
    assert not old.cells["nll"].bold
    assert "older" in board.notes[old.notes[0] - 1]
    assert old.stale


def test_a_row_made_before_a_version_changed_is_stale_beside_newer_rows(row):
    versions = {"training": "2", "critic": "5"}
    old = {"versions": {"training": "1", "critic": "3"}}
    board = only([*row(NLL, **old, **OLD), *row(NLL, critic="self", versions=versions)])
    assert [row.label for row in board.rows] == ["self λ=0", "VAE [training 1]"]


def test_seeds_of_stale_rows_are_asked_of_no_other_row(row):
    board = only([*row(NLL), *row({7: 1.0}, versions={"training": "0"}, **OLD)])
    assert board.seeds == (0, 1, 2)
    assert [row.cells["nll"].n for row in board.rows] == [3, 1]


def test_a_stale_row_does_not_count_as_run(row):
    results = [
        *row(NLL, critic="self", lambda_=1.0),
        *row(NLL, versions={"training": "0"}, **OLD),
    ]
    plain = Task(track=results[0].spec.track, critic="none")
    board = only(results, expected={"toy-mlp": [plain]})
    assert [row.label for row in board.rows] == ["VAE", "self λ=1", "VAE [training 0]"]
    assert board.rows[0].cells["nll"].hole == "not run"


def test_two_recipes_under_one_track_name_are_two_tables(row):
    found = boards([*row(NLL), *row(NLL, track={"epochs": 3})])
    assert sorted(board.title for board in found) == [
        "toy-mlp (epochs = 3)",
        "toy-mlp (epochs = 30)",
    ]


def test_labels_say_what_differs_between_rows_and_no_more(row):
    neural = {"critic": "neural", "lambda_": 20.0}
    beta = {"objective": "beta", "objective_settings": {"beta": 0.5}}
    variants = [
        {},
        beta,
        {**neural, "critic_settings": {"hidden": (8, 4), "bias": True}},
        {**neural, "critic_settings": {"hidden": (8, 8), "bias": True}},
        {**neural, "lambda_": 0.1, "critic_settings": {"hidden": (8, 4), "bias": True}},
        {"critic": "self", "lambda_": 2.5},
        {"critic": "self", "lambda_": 2.5, **beta},
        {"lambda_": 1.0},
    ]
    board = only([result for variant in variants for result in row({0: 1.0}, **variant)])
    assert [row.label for row in board.rows] == [
        "VAE",
        "VAE λ=1",
        "β=0.5",
        "neural(hidden=(8, 4)) λ=0.1",
        "neural(hidden=(8, 4)) λ=20",
        "neural(hidden=(8, 8)) λ=20",
        "self λ=2.5",
        "self λ=2.5 + β=0.5",
    ]


def test_the_order_of_the_results_does_not_matter(row, make_result):
    variants = itertools.product(("none", "self"), ("1", "2"), ("toy-mlp", "a"))
    results = [
        result
        for critic, version, name in variants
        for result in row(NLL, critic=critic, versions={"v": version}, track={"name": name})
    ]
    expected = boards(results)
    for seed in range(5):
        random.Random(seed).shuffle(results)
        assert boards(results) == expected
    assert [board.title for board in expected] == ["a", "toy-mlp"]


PLUGIN = """
from fmnbench.registry import metrics

@metrics.register("odd", unit="bits", better="higher", version=1)
def odd(evaluation):
    return 1.0
"""
SHOW_COLUMNS = """
import pickle, sys
from pathlib import Path
from fmnbench.board import boards
from fmnbench.registry import load_plugin

load_plugin(Path(sys.argv[1]))
(board,) = boards(pickle.loads(Path(sys.argv[2]).read_bytes()))
print(*(f"{c.metric}:{c.unit}:{c.better}" for c in board.columns[-2:]))
print(*{"torch", "pandas", "scipy.stats"} & {*sys.modules})
"""


def test_a_metric_of_a_plug_in_has_a_column_and_no_board_needs_torch(tmp_path, row):
    (tmp_path / "odd.py").write_text(PLUGIN)
    (tmp_path / "results").write_bytes(pickle.dumps(row(NLL, metrics={"odd": 1.0})))
    process = subprocess.run(
        [sys.executable, "-c", SHOW_COLUMNS, tmp_path / "odd.py", tmp_path / "results"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout.splitlines() == ["odd:bits:higher time:× VAE:None", ""]
