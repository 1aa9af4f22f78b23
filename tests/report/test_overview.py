"""The first screen: true of the tables below it, and of them alone."""

import pytest

from fmnbench.board import boards
from fmnbench.report import FORMATS, Options, render
from fmnbench.report.overview import by_worth, overview

NLL = {0: 100.0, 1: 100.5, 2: 99.8}
ABOVE = {"reference.nll": 1000.0, "z_gain": 1.0}


def shifted(by, values=NLL):
    return {seed: value + by for seed, value in values.items()}


@pytest.fixture
def made(row):
    """Returns a table with a better and a worse critic, one without learning, and one seed."""
    blank = {"reference.nll": 10.0, "z_gain": 0.0}
    results = [
        *row(NLL, track={"name": "whole"}, metrics=ABOVE | {"mi_lower": 1.0}),
        *row(shifted(-20), critic="self", track={"name": "whole"}, metrics=ABOVE),
        *row(shifted(20), critic="neural", track={"name": "whole"}, metrics=ABOVE),
        *row(NLL, track={"name": "blank"}, metrics=blank),
        *row(shifted(1), critic="self", track={"name": "blank"}, metrics=blank),
        *row({0: 5.0}, track={"name": "a-single"}, metrics=ABOVE),
    ]
    return by_worth(boards(results))


def test_what_was_decided_is_counted_and_named(made):
    found = overview(made)
    assert "something: 2; better 1, worse 1, the same 0, not decided 0." in found.summary
    assert "In 1 of 3 tables no method has a better mean NLL" in found.summary
    assert found.answers[0] == (
        "For likelihood alone",
        "better than the VAE: self λ=0 (whole); worse: neural λ=0 (whole).",
    )


def test_whole_tables_in_which_something_was_learned_come_first(made):
    assert [board.title for board in made] == ["whole", "blank", "a-single"]
    found = overview(made)
    assert found.heads == ("track", "seeds", "without z", "VAE", "neural", "self")
    whole, blank, single = found.lines
    assert whole[:4] == ("whole", "3", "1000.00 constant", "100.10, z 3/3")
    assert whole[5] == "-20.00 ± 0.82 better, z 3/3"
    assert blank[5] == "+1.00 ± 0.82, z 0/3"
    assert single[3:] == ("5.00, z 1/1", "", "")


def test_more_information_is_advised_at_its_least_cost_in_likelihood(row):
    results = []
    for critic, nll, information in (
        ("none", 0, 1.0),
        ("a", 3, 4.0),
        ("b", 2, 3.0),
        ("c", 0, 1.0),
    ):
        for each in row(shifted(nll), critic=critic, metrics=ABOVE):
            seed = each.spec.seed
            each.metrics["mi_lower"] = information + seed / 100
            results.append(each)
    (board,) = boards(results)
    _, (_, advice) = overview([board, board]).answers
    assert "b λ=0 on toy-mlp (+2.00 nats of NLL)" in advice
    assert "a λ=0" not in advice
    assert "unused" not in advice


def test_a_row_that_failed_is_named_and_not_left_blank(row, make_result):
    lost = make_result(critic="self", seed=0, status="failed", error="x", track={"name": "b"})
    results = [*row(NLL, track={"name": "a"}), *row(NLL, track={"name": "b"}), lost]
    found = overview(boards(results))
    assert found.lines[1][-1] == "failed"


def test_one_table_needs_no_overview_and_every_page_format_shows_that_of_several(made):
    assert overview(made[:1]) is None
    for name in ("markdown", "html", "rich"):
        assert name in FORMATS
        assert "not decided 0" in " ".join(render(made, name, Options(width=300)).split())
        assert "not decided 0" not in render(made[:1], name, Options(width=300))
    assert "| [a-single](#a-single) |" in render(made, "markdown")
