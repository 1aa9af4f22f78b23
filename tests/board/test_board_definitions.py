"""Cells by definitions of the past, and metrics that are not registered here."""

import csv
import dataclasses
import io
import json

import pytest

from fmnbench.board import boards
from fmnbench.records.definitions import FIRST
from fmnbench.registry import metrics
from fmnbench.report import render
from fmnbench.report.base import Options

OLD = "computed by an older definition of report.density"


@pytest.fixture
def moved(registers):
    """Moves report.density to version 2, of texts alone."""
    registry = registers["metrics"]
    function = metrics.get("report.density")
    del registry._entries["report.density"], registry._objects["report.density"]
    entry = {"unit": "ratio", "better": "higher", "version": 2, "moved": {2: ("texts",)}}
    metrics.register("report.density", **entry)(function)
    made = registry._entries["report.density"]
    registry._entries["report.density"] = dataclasses.replace(made, origin="built-in")


def cells(results, metric, protocol="standard"):
    (board,) = boards(results, protocol)
    return {row.label: row.cells[metric] for row in board.rows}, board.notes


@pytest.mark.parametrize(("dataset", "marked"), [("omniglot", False), ("yahoo-10k", True)])
def test_a_cell_of_an_older_definition_is_marked_where_that_moved_its_kind_of_data(
    dataset, marked, moved, row
):
    results = row({0: 0.5, 1: 0.75}, metric="report.density", track={"dataset": dataset})
    found, notes = cells(results, "report.density", "as-published")
    (cell,) = found.values()
    assert (cell.mean, cell.outdated) == (0.625, marked)
    assert notes == ((OLD,) if marked else ())
    assert cell.notes == ((1,) if marked else ())
    for name in ("markdown", "rich", "html", "csv", "json"):
        assert (OLD in " ".join(render(boards(results, "as-published"), name).split())) == marked


def test_a_mark_names_the_seeds_that_are_older_and_their_row_is_compared_with_none(moved, row):
    track = {"dataset": "yahoo-10k"}
    new = {"track": track, "metric": "report.density", "metric_versions": {"report.density": "2"}}
    plain = row({0: 0.5, 1: 0.6}, **new)
    best = row({0: 2.5, 1: 2.6}, critic="neural", lambda_=1.0, **new)
    mixed = [
        *row({0: 9.5}, critic="self", lambda_=1.0, metric="report.density", track=track),
        *row({1: 9.6}, critic="self", lambda_=1.0, **new),
    ]
    found, notes = cells([*plain, *best, *mixed], "report.density", "as-published")
    assert notes == (f"{OLD} with seed 0",)
    assert [cell.bold for cell in found.values()] == [False, True, False]


PLUGIN = {"surprise": "0123456789ab"}


@pytest.mark.parametrize("name", ["markdown", "rich", "html", "csv", "json"])
def test_every_format_shows_a_metric_that_is_not_registered_here(name, row):
    results = row({0: 123.25}, metrics={"surprise": 77.5}, metric_versions={**FIRST, **PLUGIN})
    text = render(boards(results), name, Options(width=200))
    assert "surprise" in text
    assert "77.5" in text
    if name == "csv":
        lines = list(csv.DictReader(io.StringIO(text)))
        assert [each["mean"] for each in lines if each["metric"] == "surprise"] == ["77.5"]
    if name == "json":
        (board,) = json.loads(text)
        assert board["rows"][0]["cells"]["surprise"]["mean"] == 77.5


def test_values_of_several_definitions_of_an_unknown_metric_are_marked_and_not_compared(row):
    def results(version):
        other = {"critic": "self", "lambda_": 1.0, "metric": "surprise"}
        return [
            *row({0: 1.0, 1: 1.1}, metric="surprise", metric_versions=PLUGIN),
            *row({0: 5.0, 1: 5.1}, metric_versions={"surprise": version}, **other),
        ]

    found, notes = cells(results(PLUGIN["surprise"]), "surprise")
    assert not any(cell.notes or cell.outdated for cell in found.values())
    found, notes = cells(results("ba9876543210"), "surprise")
    text = "the values of surprise were computed by several definitions, and are not compared"
    assert all(notes[cell.notes[0] - 1] == text for cell in found.values())


def test_a_plug_in_metric_that_broke_in_every_run_is_a_column_with_its_cause(row):
    results = row({0: 1.0}, broken={"surprise": "is nan"}, metric_versions={**FIRST, **PLUGIN})
    found, notes = cells(results, "surprise")
    assert [cell.hole for cell in found.values()] == ["no surprise: is nan"]
    assert notes == ("VAE: no surprise: is nan",)
