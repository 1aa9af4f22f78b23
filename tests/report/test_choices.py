"""What a reader chooses: columns and the order of rows, in every format."""

import csv
import io
import json

import pytest

from fmnbench.board import boards
from fmnbench.errors import UsageError
from fmnbench.report import Options, render
from fmnbench.report.choices import sorted_rows


@pytest.fixture
def made(row):
    results = []
    for critic, nll, information in (("none", 9.0, 1.0), ("a", 5.0, 2.0), ("b", 7.0, 3.0)):
        more = {"mi_lower": information, "mi_upper": information + 0.5, "au": 2.0}
        results += row({0: nll, 1: nll + 1}, critic=critic, metrics=more | {"ppl": 3.0})
    return boards(results)


def heads(text):
    return next(line for line in text.splitlines() if line.startswith("| method"))


def test_a_table_shows_at_most_eight_columns_first_and_all_of_them_folded(made):
    text = render(made, "markdown")
    first = heads(text)
    assert first == ("| method | Δ NLL (nats) | NLL ↓ (nats) | MI lower–upper ↑ (nats) | AU ↑ |")
    assert "| VAE |  | 9.50 (0.71) | 1.00–1.50 | 2.0 (0.0) |\n" in text
    before, folded = text.split("<details>")
    assert "PPL" not in heads(before)
    assert "PPL ↓ (words)" in folded


def test_chosen_columns_are_those_of_every_format_in_the_order_given(made):
    options = Options(columns=("au", "nll", "mi"))
    assert heads(render(made, "markdown", options)) == (
        "| method | AU ↑ | NLL ↓ (nats) | MI lower–upper ↑ (nats) |"
    )
    lines = list(csv.DictReader(io.StringIO(render(made, "csv", options))))
    assert [line["metric"] for line in lines[:4]] == ["au", "nll", "mi_lower", "mi_upper"]
    (board,) = json.loads(render(made, "json", options))
    assert [column["metric"] for column in board["columns"]] == [
        *("au", "nll", "mi_lower", "mi_upper")
    ]
    assert set(board["rows"][0]["cells"]) == {"au", "nll", "mi_lower", "mi_upper"}
    assert "AU & NLL" in render(made, "latex", options).replace(r" $\uparrow$", "")


def test_all_columns_are_shown_first_where_all_are_asked_for(made):
    text = render(made, "markdown", Options(columns=("all",)))
    assert "PPL ↓ (words)" in heads(text)
    assert "MI upper (nats)" in heads(text)


def test_an_unknown_column_is_named_with_the_nearest(made):
    with pytest.raises(UsageError, match=r"Unknown column 'nl'. Did you mean 'nll'\?"):
        render(made, "markdown", Options(columns=("nl",)))
    with pytest.raises(UsageError, match=r"Unknown column to sort by 'nl'. Did you mean 'nll'\?"):
        sorted_rows(made, "nl")


@pytest.mark.parametrize(
    ("metric", "labels"),
    [("nll", ["a λ=0", "b λ=0", "VAE"]), ("mi_lower", ["b λ=0", "a λ=0", "VAE"])],
)
def test_rows_are_sorted_by_what_is_better(made, metric, labels):
    (board,) = sorted_rows(made, metric)
    assert [row.label for row in board.rows] == labels


def test_the_nearest_to_a_target_is_first_and_what_has_no_value_last(row, make_result):
    results = []
    for critic, density in (("none", 1.5), ("a", 0.4), ("b", 1.1)):
        more = {"reference.density": 1.0, "nll": 1.0}
        results += row({0: density}, "density", critic=critic, metrics=more)
    results.append(make_result(critic="c", status="failed", error="why"))
    (board,) = sorted_rows(boards(results), "density")
    assert [row.label for row in board.rows] == ["b λ=0", "VAE", "a λ=0", "c λ=0"]
