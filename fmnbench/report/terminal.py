"""Boards on a terminal, in as many lines as its width needs; no number is ever cut short."""

import io
from collections.abc import Iterator, Sequence

import rich.box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fmnbench.board import Board, Column
from fmnbench.printable import printable
from fmnbench.report.base import (
    Options,
    TextCell,
    TextRow,
    arrow,
    name,
    text_rows,
    unit,
)
from fmnbench.report.captions import (
    OVERVIEW,
    conclusions,
    definitions,
    held_fixed,
    legend,
    methods,
    sources,
    title,
)
from fmnbench.report.overview import Overview, overview

LABEL_WIDTH = 30  # characters; longer names fold
GAP = 2  # characters between columns: one of them a divider of the box
NARROW_LABEL_WIDTH = 16  # the same where numbers need the room
STAR = "*"  # stands for bold where a text has no styles
STYLES = {"method": "", "published": "italic dim", "reference": "italic"}


def render(boards: Sequence[Board], options: Options) -> str:
    """Returns the boards as text of the given width, with escape codes if in color."""
    console = Console(
        file=io.StringIO(),
        width=options.width,
        force_terminal=options.color,
        color_system="standard" if options.color else None,
        legacy_windows=False,
        _environ={},
    )
    with console.capture() as capture:
        if not boards:
            console.print("There are no records yet.")
        found = overview(boards)
        if found is not None:
            for part in _overview(found):
                console.print(part)
        for board in boards:
            for part in _parts(board, options):
                console.print(part)
    return "\n".join(line.rstrip() for line in capture.get().split("\n"))


def _overview(found: Overview) -> Iterator[RenderableType]:
    yield from (Text(printable(found.summary)), "")
    table = Table(box=rich.box.SIMPLE_HEAD)
    for head in found.heads:
        table.add_column(printable(head))
    for line in found.lines:
        table.add_row(*(Text(printable(cell)) for cell in line))
    yield table
    for text in (OVERVIEW, *found.advice):
        yield from (Text(printable(text)), "")


def _parts(board: Board, options: Options) -> Iterator[RenderableType]:
    yield Text(printable(title(board)), style="bold")
    yield Text(printable(held_fixed(board)), style="dim")
    yield ""
    rows = text_rows(board)
    for table in _tables(board, rows, options):
        yield table
        yield ""
    for number, note in enumerate(board.notes, 1):
        yield Padding(Text(f"{number}. {printable(note)}"), (0, 0, 0, 1))
    if board.notes:
        yield ""
    bold = "Bold" if options.color else STAR
    texts = (
        legend(board, bold),
        methods(board),
        definitions(board),
        *sources(board),
        conclusions(board),
    )
    yield from (Text(printable(text), style="dim") for text in texts if text)
    yield ""


def _tables(board: Board, rows: Sequence[TextRow], options: Options) -> list[Table]:
    """Returns one table, with each std below its mean if that is narrower, or several."""
    heads = [_head(column) for column in board.columns]
    everything = range(len(heads))
    for stacked in (False, True):
        texts = [[_text(cell, options, stacked) for cell in row.cells] for row in rows]
        widths = [
            GAP + max(map(_width, (head, *(line[index] for line in texts))))
            for index, head in enumerate(heads)
        ]
        label_width = _label_width(rows, LABEL_WIDTH)
        if label_width + sum(widths) <= options.width:
            return [_table(rows, heads, texts, everything, label_width)]
    label_width = _label_width(rows, NARROW_LABEL_WIDTH)
    chunks: list[list[int]] = [[]]
    for index in everything:
        used = label_width + sum(widths[other] for other in chunks[-1])
        if chunks[-1] and used + widths[index] > options.width:
            chunks.append([])
        chunks[-1].append(index)
    return [_table(rows, heads, texts, chunk, label_width) for chunk in chunks]


def _table(
    rows: Sequence[TextRow],
    heads: Sequence[Text],
    texts: Sequence[Sequence[Text]],
    indices: Sequence[int],
    label_width: int,
) -> Table:
    table = Table(
        box=rich.box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 0, 0, GAP - 1)
    )
    table.add_column("method", overflow="fold", width=label_width)
    for index in indices:
        table.add_column(heads[index], justify="right", no_wrap=True, overflow="fold")
    for row, line in zip(rows, texts, strict=True):
        cells = [line[index] for index in indices]
        if any(cell.plain for cell in cells):  # a reference need not have these columns
            table.add_row(Text(_label(row)), *cells, style=STYLES[row.kind])
    return table


def _label(row: TextRow) -> str:
    return printable(f"{row.label} {row.mark}")


def _label_width(rows: Sequence[TextRow], most: int) -> int:
    widths = [cell_len(_label(row)) for row in rows]
    return min(most, max([len("method"), *widths]))


def _head(column: Column) -> Text:
    words = filter(None, (*name(column).split(), unit(column)))
    return Text("\n".join(words) + arrow(column))


def _width(text: Text) -> int:
    return max(map(cell_len, text.plain.split("\n")))


def _text(cell: TextCell, options: Options, stacked: bool) -> Text:
    star = STAR if cell.bold and not options.color else ""
    between = "\n" if stacked else " "
    number = between.join(filter(None, (f"{star}{cell.text}", cell.spread)))
    return Text(f"{number}{cell.mark}", style="bold" if cell.bold else "")
