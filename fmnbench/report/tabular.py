"""Boards as data: one line per row and metric, numbers with all their digits."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from fmnbench.board import Board, Cell, Column, Row
from fmnbench.printable import printable

if TYPE_CHECKING:
    import pandas

Field = str | int | float | bool | None
REFERENCE = "reference"
FORMULA = ("=", "+", "-", "@")  # with these a spreadsheet begins what it computes


def render(boards: Sequence[Board]) -> str:
    """Returns the lines as CSV; what is not there is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(_fields()), lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {name: _cell(value) for name, value in line.items()} for line in lines(boards)
    )
    return text.getvalue()


def _cell(value: Field) -> Field:
    """Returns what a spreadsheet shows as it is: of a text that it would compute, with a quote."""
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def frame(boards: Sequence[Board]) -> "pandas.DataFrame":
    """Returns the lines as a data frame, one column per field."""
    import pandas

    return pandas.DataFrame(lines(boards), columns=list(_fields()))


def lines(boards: Sequence[Board]) -> list[dict[str, Field]]:
    """Returns one mapping per row and metric, references included."""
    return [line for board in boards for line in _board_lines(board)]


def _board_lines(board: Board) -> Iterator[dict[str, Field]]:
    for row in board.rows:
        for column in board.columns:
            yield _line(board, row, column, row.cells[column.metric])
    for reference in board.references:
        for column in board.columns:
            if column.metric in reference.means:
                yield _fields() | {
                    "track": board.title,
                    "protocol": board.protocol,
                    "row": reference.label,
                    "kind": REFERENCE,
                    "metric": column.metric,
                    "unit": column.unit,
                    "better": column.better,
                    "n": reference.n,
                    "mean": reference.means[column.metric],
                }


def _line(board: Board, row: Row, column: Column, cell: Cell) -> dict[str, Field]:
    published = cell.published
    notes = [board.notes[number - 1] for number in (*row.notes, *cell.notes)]
    return _fields() | {
        "track": board.title,
        "protocol": board.protocol,
        "row": row.label,
        "kind": "stale" if row.stale else "method",
        "critic": row.task.critic,
        "objective": row.task.objective,
        "lambda": float(row.task.lambda_),
        "metric": column.metric,
        "unit": column.unit,
        "better": column.better,
        "n": cell.n,
        "mean": cell.mean,
        "std": cell.std,
        "half_width": cell.half_width,
        "bold": cell.bold,
        "verdict": cell.verdict,
        "deciding_seeds": cell.seeds,
        "hole": cell.hole,
        "notes": "; ".join(notes) or None,
        "published_mean": published.mean if published else None,
        "published_std": published.std if published else None,
        "published_in": f"{published.source}, {published.table}" if published else None,
        "difference": cell.beside.difference if cell.beside else None,
        "difference_half_width": cell.beside.half_width if cell.beside else None,
        "order_reversed": cell.beside.is_reversed if cell.beside else None,
    }


def _fields() -> dict[str, Field]:
    """Returns an empty line: the names of all fields in their order."""
    names = "track protocol row kind critic objective lambda metric unit better n mean std"
    judged = "half_width bold verdict deciding_seeds hole notes"
    beside = "published_mean published_std published_in"
    compared = "difference difference_half_width order_reversed"
    return dict.fromkeys(f"{names} {judged} {beside} {compared}".split())
