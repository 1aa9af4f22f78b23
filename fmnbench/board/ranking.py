"""Which rows of a column are bold, and how each row compares with the plain VAE."""

import dataclasses
from collections.abc import Mapping, Sequence

from fmnbench.board.base import DELTA, TIME, Cell, Column, Row
from fmnbench.board.columns import CEILINGS
from fmnbench.board.flags import NEAR_CEILING
from fmnbench.board.rows import Line
from fmnbench.board.verdicts import Rule, Sample, best_set, contrasts, sample

FEWEST = 2  # rows to compare, and seeds to compare them by
COMPARED = ("nll", "mi_lower")  # with the plain VAE


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ranking:
    """The rows and columns of a table after all comparisons.

    `undecided` are the metrics of which no row can be left out as worse than another, `saturated`
    those whose values all lie near their ceiling.
    """

    rows: list[Row]
    columns: tuple[Column, ...]
    undecided: tuple[str, ...]
    saturated: tuple[str, ...]


def ranking(
    rows: Sequence[Row],
    lines: Sequence[Line],
    columns: Sequence[Column],
    ceilings: Mapping[str, float],
    rule: Rule,
) -> Ranking:
    """Returns a table's rows with `bold` cells, and with a column of differences from the VAE.

    Only ranked rows are bold or the reason that others are not. A metric with a target is judged
    by its distance from the target.
    """
    marked = list(rows)
    undecided, saturated = [], []
    for column in columns:
        name = column.metric
        rivals = [place for place, row in enumerate(marked) if _competes(row, name)]
        if column.better is None or name == TIME or len(rivals) < FEWEST:
            continue
        ceiling = ceilings.get(CEILINGS.get(name, ""))
        means = [marked[place].cells[name].mean or 0.0 for place in rivals]
        if ceiling is not None and min(means) >= (1 - NEAR_CEILING) * ceiling:
            saturated.append(name)
            continue
        samples = [_sample(lines[place], column) for place in rivals]
        kept = best_set(
            samples,
            lower_is_better=column.better == "lower" or column.target is not None,
            error=rule.error,
        )
        if all(kept):
            undecided.append(name)
            continue
        for place, is_kept in zip(rivals, kept, strict=True):
            if is_kept:
                marked[place] = _with_cell(
                    marked[place], name, dataclasses.replace(marked[place].cells[name], bold=True)
                )
    found = _with_differences(marked, columns, lines, rule)
    return dataclasses.replace(found, undecided=tuple(undecided), saturated=tuple(saturated))


def _competes(row: Row, metric: str) -> bool:
    cell = row.cells[metric]
    return row.ranked and cell.mean is not None and not cell.outdated and cell.n >= FEWEST


def _sample(line: Line, column: Column) -> Sample:
    values = [result.metrics[column.metric] for result in line.results.values()]
    if column.target is not None:
        values = [abs(value - column.target) for value in values]
    return sample(values)


def _with_cell(row: Row, metric: str, cell: Cell) -> Row:
    return dataclasses.replace(row, cells={**row.cells, metric: cell})


def _with_differences(
    rows: Sequence[Row],
    columns: Sequence[Column],
    lines: Sequence[Line],
    rule: Rule,
) -> Ranking:
    """Returns the rows with cells of their differences from the plain VAE, and such columns."""
    made, shown = list(rows), list(columns)
    plain = next((place for place, row in enumerate(rows) if row.is_plain and not row.stale), None)
    for metric in COMPARED:
        by_name = {column.metric: column for column in columns}
        if plain is None or metric not in by_name or not _has(rows[plain], metric):
            continue
        others = [place for place, row in enumerate(rows) if place != plain and _has(row, metric)]
        if not others:
            continue
        name = DELTA + metric
        cells = _differences(plain, others, rows, lines, by_name[metric], rule)
        made = [_with_cell(row, name, cells.get(place, Cell())) for place, row in enumerate(made)]
        place = [column.metric for column in shown].index(metric)
        shown.insert(place + 1, Column(metric=name, unit=by_name[metric].unit, better=None))
    return Ranking(rows=made, columns=tuple(shown), undecided=(), saturated=())


def _has(row: Row, metric: str) -> bool:
    cell = row.cells[metric]
    return not row.stale and cell.mean is not None and not cell.outdated and cell.n >= FEWEST


def _differences(
    plain: int,
    others: Sequence[int],
    rows: Sequence[Row],
    lines: Sequence[Line],
    column: Column,
    rule: Rule,
) -> dict[int, Cell]:
    """Returns the cells of differences; only ranked rows whose seeds agree have a verdict."""
    baseline = _sample(lines[plain], column)
    judged = [place for place in others if rows[place].ranked and not rows[place].mixed]
    families = (judged, [place for place in others if place not in judged])
    cells = {}
    for family in families:
        found = contrasts(
            baseline,
            [_sample(lines[place], column) for place in family],
            lower_is_better=column.better == "lower",
            margin=rule.margins[column.metric],
            error=rule.error,
        )
        for place, contrast in zip(family, found, strict=True):
            cells[place] = Cell(
                n=rows[place].cells[column.metric].n,
                mean=contrast.difference,
                half_width=contrast.half_width,
                verdict=contrast.verdict if family is judged else None,
                seeds=contrast.seeds if family is judged else None,
            )
    return cells
