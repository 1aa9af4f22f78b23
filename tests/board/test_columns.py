"""Columns that a table has only where a record has their metric."""

import pytest

from fmnbench.board import boards
from fmnbench.report import render

OPTIONAL = {
    "best.nll": (
        "NLL, best epoch ↓ (nats)",
        "**NLL, best epoch**: that of the epoch with",
    ),
    "reconstruction_at_prior": ("reconstruction at prior z (nats)", "what z is worth"),
}


@pytest.mark.parametrize("metric", OPTIONAL)
def test_a_metric_that_newer_runs_alone_have_is_a_column_once_one_has_it(make_result, metric):
    heading, caption = OPTIONAL[metric]
    old = make_result(metrics={"nll": 5.0, "kl": 1.0})
    new = make_result(critic="self", lambda_=1.0, metrics={"nll": 5.0, "kl": 1.0, metric: 7.25})
    without, text = (render(boards(results), "markdown") for results in ([old], [old, new]))
    assert heading not in without
    assert caption not in without
    assert f"| {heading} |" in text
    assert caption in text
    assert "7.25" in text
    (board,) = boards([old, new])
    assert [row.cells[metric].hole for row in board.rows] == [f"no {metric}", None]
