"""A board's tables, cell by cell, as text."""

import dataclasses
from collections.abc import Mapping, Sequence

from fmnbench.board import Board, Cell, Column, Row
from fmnbench.board.base import DELTA, TIME
from fmnbench.board.columns import STANDARD
from fmnbench.report.base import Head, Table, TextCell, TextRow
from fmnbench.report.headings import head
from fmnbench.report.numbers import decimals_of, mean_std, plain, plus_minus

HOLE = "—"
COUNT = "units"  # the unit of what is counted: one decimal, for the mean over seeds
ALL = "all"  # as a column: every one
BRACKET = "mi"  # the column that has MI lower and MI upper
LOWER, UPPER = "mi_lower", "mi_upper"
FIRST = (f"{DELTA}nll", "nll", BRACKET, "kl", "au", "density", "coverage", TIME)
Links = Mapping[str, str]  # to records, by their keys


def whole_table(board: Board, links: Links) -> Table:
    """Returns all columns of a board: methods, each above its published values, references."""
    return _table(board, [column.metric for column in board.columns], links)


def first_table(board: Board, chosen: Sequence[str], links: Links) -> Table:
    """Returns the chosen columns of a board, else at most eight in which some row has a value.

    The first columns are those of FIRST and of plug-ins, or all by the protocol as-published.
    References that have no value in them are left out, and so is the one that the arrows name.
    """
    shown = {column.metric for column in board.columns}
    if {LOWER, UPPER} <= shown:
        shown.add(BRACKET)
    if chosen and ALL not in chosen:
        names = [name for name in chosen if name in shown]
    elif board.protocol == "standard" and not chosen:
        names = [name for name in FIRST if name in shown and _has_values(board, name)]
        names += [column.metric for column in board.columns if _is_foreign(column)]
        names = names or ["nll"]
    else:
        names = [column.metric for column in board.columns]
    table = _table(board, names, links)
    targets = {column.metric for column in board.columns if column.target is not None}
    places = [place for place, name in enumerate(names) if name not in targets]
    rows = [
        row
        for row in table.rows
        if row.kind != "reference" or any(row.cells[place].text for place in places)
    ]
    return dataclasses.replace(table, rows=tuple(rows))


def _is_foreign(column: Column) -> bool:
    """Whether a metric is a plug-in's: who adds one wants to see it."""
    own = (*STANDARD, TIME)
    return column.metric not in own and not column.metric.startswith(DELTA)


def _has_values(board: Board, name: str) -> bool:
    metric = LOWER if name == BRACKET else name
    return any(row.cells[metric].mean is not None for row in board.rows)


def _table(board: Board, names: Sequence[str], links: Links) -> Table:
    columns = {column.metric: column for column in board.columns}
    rows = []
    for row in board.rows:
        rows.append(_method(row, names, columns, links))
        if any(cell.published for cell in row.cells.values()):
            cells = tuple(_published(row.cells.get(name)) for name in names)
            rows.append(TextRow(kind="published", label="↳ published", cells=cells))
    for reference in board.references:
        found = [
            _number(columns[name], reference.means.get(name), None)
            if name in columns
            else TextCell(text="")
            for name in names
        ]
        label = f"{reference.label} (n = {reference.n})"
        rows.append(TextRow(kind="reference", label=label, cells=tuple(found)))
    heads = tuple(_head(name, columns) for name in names)
    return Table(heads=heads, rows=tuple(rows))


def _head(name: str, columns: Mapping[str, Column]) -> Head:
    if name != BRACKET:
        return head(columns[name])
    return Head(name="MI lower–upper", arrow=" ↑", unit=columns[LOWER].unit)


def _method(
    row: Row, names: Sequence[str], columns: Mapping[str, Column], links: Links
) -> TextRow:
    cells = [
        _bracket(row, columns) if name == BRACKET else _cell(columns[name], row.cells[name])
        for name in names
    ]
    return TextRow(
        kind="method",
        label=row.label,
        cells=tuple(cells),
        notes=row.notes,
        records=tuple((seed, links[key]) for seed, key in row.records.items() if key in links),
    )


def _bracket(row: Row, columns: Mapping[str, Column]) -> TextCell:
    """Returns MI lower and MI upper as one cell, medians where the seeds differ in kind."""
    lower, upper = (row.cells[name] for name in (LOWER, UPPER))
    if lower.mean is None or upper.mean is None:
        return _cell(columns[LOWER], lower)
    ends = [
        mean_std(cell.middle[0] if cell.middle else cell.mean or 0.0, None, 2)[0]
        for cell in (lower, upper)
    ]
    notes = tuple(dict.fromkeys((*lower.notes, *upper.notes)))
    return TextCell(text="–".join(ends), notes=notes, bold=lower.bold)


def _published(cell: Cell | None) -> TextCell:
    if cell is None or cell.published is None:
        return TextCell(text="")
    mean, std = cell.published.mean, cell.published.std
    decimals = max(decimals_of(mean), decimals_of(std))
    text, spread = mean_std(mean, std, decimals)
    beside = ""
    if cell.beside:
        beside = plus_minus(cell.beside.difference, cell.beside.half_width, decimals)
        beside += ", order reversed" if cell.beside.is_reversed else ""
    return TextCell(text=text, spread=spread, beside=beside)


def _cell(column: Column, cell: Cell) -> TextCell:
    if column.metric.startswith(DELTA):
        return TextCell(text=_difference(cell))
    number = _middle(column, *cell.middle) if cell.middle else _number(column, cell.mean, cell.std)
    return dataclasses.replace(number, notes=cell.notes, text=number.text or HOLE, bold=cell.bold)


def _difference(cell: Cell) -> str:
    """Returns a difference from the plain VAE: its interval, and the verdict, if there is one."""
    if cell.mean is None:
        return ""
    text = plus_minus(cell.mean, cell.half_width)
    seeds = f" ({cell.seeds} seeds)" if cell.seeds else ""
    return f"{text} {cell.verdict}{seeds}" if cell.verdict else text


def _middle(column: Column, median: float, lowest: float, highest: float) -> TextCell:
    """Returns the median and the range of a row whose seeds differ in kind."""
    decimals = 1 if column.unit == COUNT else 2
    spread = f"[{plain(lowest, decimals)}, {plain(highest, decimals)}]"
    return TextCell(text=plain(median, decimals), spread=spread)


def _number(column: Column, mean: float | None, std: float | None) -> TextCell:
    if mean is None:
        return TextCell(text="")
    text, spread = mean_std(mean, std, 1 if column.unit == COUNT else None)
    return TextCell(text=text, spread=spread)
