"""Which rows of a column are bold: the best, and those that a test does not tell from it."""

import dataclasses
from collections.abc import Sequence
from typing import Literal

from fmnbench.board.base import TIME, Column, Row
from fmnbench.board.rows import Line
from fmnbench.board.statistics import mean, separable

FEWEST = 2  # rows to compare, and seeds to compare them by: below it nothing is bold


def with_bold(
    rows: Sequence[Row], lines: Sequence[Line], columns: Sequence[Column], seeds: Sequence[int]
) -> list[Row]:
    """Returns the rows with `best` and `tied` set, in every column that has a direction."""
    marked = list(rows)
    for column in columns:
        if column.better is None or column.metric == TIME or len(seeds) < FEWEST:
            continue
        name = column.metric
        rivals = [
            index
            for index, row in enumerate(marked)
            if not row.stale and row.cells[name].mean is not None and not row.cells[name].outdated
        ]
        if len(rivals) < FEWEST:
            continue
        values = {
            index: [lines[index].results[seed].metrics[name] for seed in seeds] for index in rivals
        }
        sign = 1 if column.better == "lower" else -1
        means = {index: sign * mean(values[index]) for index in rivals}
        best = min(rivals, key=means.__getitem__)
        others = [index for index in rivals if index != best]
        apart = separable(values[best], [values[index] for index in others])
        marked[best] = _marked(marked[best], name, "best")
        for index, is_apart in zip(others, apart, strict=True):
            if not is_apart:
                marked[index] = _marked(marked[index], name, "tied")
    return marked


def _marked(row: Row, metric: str, claim: Literal["best", "tied"]) -> Row:
    cell = dataclasses.replace(row.cells[metric], best=claim == "best", tied=claim == "tied")
    return dataclasses.replace(row, cells={**row.cells, metric: cell})
