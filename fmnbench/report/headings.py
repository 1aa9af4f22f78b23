"""What columns are called."""

from fmnbench.board import Column
from fmnbench.board.base import DELTA
from fmnbench.report.base import Head

LABELS = {
    "nll": "NLL",
    "best.nll": "NLL, best epoch",
    "nll_exact": "exact NLL",
    "ppl": "PPL",
    "reconstruction_at_prior": "reconstruction at prior z",
    "kl": "KL",
    "mi_lower": "MI lower",
    "mi_upper": "MI upper",
    "mi_batch": "MI batch",
    "mi": "MI",
    "au": "AU",
}
ARROWS = {"lower": " ↓", "higher": " ↑", None: ""}
UNNAMED_UNITS = ("", "ratio", "units")  # a reader knows them from the metric


def short_name(metric: str) -> str:
    """Returns what a table calls a metric, by either protocol."""
    bare = metric.removeprefix("report.").removeprefix(DELTA)
    return ("Δ " if metric.startswith(DELTA) else "") + LABELS.get(bare, bare)


def head(column: Column) -> Head:
    """Returns a column's name with an arrow to what is better or to its target, and its unit."""
    arrow = ARROWS[column.better] if column.target is None else f" → {column.target:.2f}"
    unit = "" if column.unit in UNNAMED_UNITS else column.unit
    return Head(name=short_name(column.metric), arrow=arrow, unit=unit)
