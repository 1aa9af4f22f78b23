"""What a reader chooses of boards: their columns, and the order of their rows."""

import dataclasses
import math
from collections.abc import Sequence

from fmnbench.board import Board, Row
from fmnbench.errors import unknown
from fmnbench.report.cells import ALL, BRACKET, LOWER, UPPER


def columns_of(boards: Sequence[Board]) -> list[str]:
    """Returns the names of all columns of boards, each once."""
    found = dict.fromkeys(column.metric for board in boards for column in board.columns)
    return [*found, *([BRACKET] if {LOWER, UPPER} <= set(found) else [])]


def require_columns(boards: Sequence[Board], names: Sequence[str]) -> None:
    """Raises UsageError for a column that no board has."""
    known = columns_of(boards)
    for name in names:
        if name not in (*known, ALL) and boards:
            raise unknown("column", name, [*known, ALL])


def only_columns(boards: Sequence[Board], names: Sequence[str]) -> list[Board]:
    """Returns boards with the named columns alone, in that order; with all if none is named."""
    if not names or ALL in names:
        return list(boards)
    names = [part for name in names for part in ((LOWER, UPPER) if name == BRACKET else (name,))]
    return [_with_columns(board, list(dict.fromkeys(names))) for board in boards]


def _with_columns(board: Board, names: Sequence[str]) -> Board:
    by_name = {column.metric: column for column in board.columns}
    columns = tuple(by_name[name] for name in names if name in by_name)
    rows = [
        dataclasses.replace(row, cells={each.metric: row.cells[each.metric] for each in columns})
        for row in board.rows
    ]
    return dataclasses.replace(board, columns=columns, rows=tuple(rows))


def sorted_rows(boards: Sequence[Board], metric: str) -> list[Board]:
    """Returns boards with their rows by a metric, the best first, those without a value last.

    Where a metric has a target, the nearest is first; where no direction is better, the lowest.
    Rows that are compared with nothing stay below all others. A metric that no board has is a
    UsageError.
    """
    known = [name for name in columns_of(boards) if name != BRACKET]
    if metric not in known and boards:
        raise unknown("column to sort by", metric, known)
    return [_sorted(board, metric) for board in boards]


def _sorted(board: Board, metric: str) -> Board:
    column = next((each for each in board.columns if each.metric == metric), None)
    if column is None:
        return board

    def place(row: Row) -> tuple[bool, bool, float]:
        value = row.cells[metric].mean
        if value is None or math.isnan(value):
            return row.stale, True, 0.0
        if column.target is not None:
            value = abs(value - column.target)
        elif column.better == "higher":
            value = -value
        return row.stale, False, value

    return dataclasses.replace(board, rows=tuple(sorted(board.rows, key=place)))
