"""Boards on a terminal, in as many lines as its width needs; no number is ever cut short."""

import io
from collections.abc import Iterator, Sequence

import rich.box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from fmnbench.printable import printable
from fmnbench.report.base import (
    Head,
    Options,
    Overview,
    Page,
    Section,
    Table,
    TextCell,
    TextRow,
    TextTable,
)
from fmnbench.report.captions import NO_RECORDS, OVERVIEW, READING

LABEL_WIDTH = 30  # characters; longer names fold
GAP = 2  # characters between columns: one of them a divider of the box
NARROW_LABEL_WIDTH = 16  # the same where numbers need the room
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
STAR = "*"  # stands for bold where a text has no styles
STYLES = {"method": "", "published": "italic dim", "reference": "italic"}


def render(page: Page, options: Options) -> str:
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
        if not page.sections:
            console.print(NO_RECORDS)
        if page.overview is not None:
            for part in _overview(page.overview):
                console.print(part)
        for section in page.sections:
            for part in _parts(section, options):
                console.print(part)
        if page.sections:
            for part in _reading(page, options):
                console.print(part)
    return "\n".join(line.rstrip() for line in capture.get().split("\n"))


def _overview(found: Overview) -> Iterator[RenderableType]:
    yield from (Text(printable(found.summary)), "")
    table = Grid(box=rich.box.SIMPLE_HEAD)
    for head in found.heads:
        table.add_column(printable(head))
    for line in found.lines:
        table.add_row(*(Text(printable(cell)) for cell in line))
    yield table
    answers = [f"{question}: {answer}" for question, answer in found.answers]
    for text in (OVERVIEW, *answers):
        yield from (Text(printable(text)), "")


def _parts(section: Section, options: Options) -> Iterator[RenderableType]:
    yield Text(printable(section.title), style="bold")
    yield Text(printable(section.verdict))
    yield ""
    for table in _tables(section.table, options):
        yield table
        yield ""
    for number, note in enumerate(section.notes, 1):
        yield Padding(Text(f"{number}. {printable(note)}"), (0, 0, 0, 1))
    if section.notes:
        yield ""
    for small in section.tables:
        yield from _small(small)
    texts = (section.compared, *section.details)
    yield from (Text(printable(text), style="dim") for text in texts if text)
    yield ""


def _small(table: TextTable) -> Iterator[RenderableType]:
    yield Text(printable(table.title), style="bold")
    if table.lines:
        grid = Grid(box=rich.box.SIMPLE_HEAD)
        for place, head in enumerate(table.heads):
            grid.add_column(printable(head), justify="right" if place else "left")
        for line in table.lines:
            grid.add_row(*(Text(printable(cell)) for cell in line))
        yield grid
    yield Text(printable(table.explained), style="dim")
    yield ""


def _reading(page: Page, options: Options) -> Iterator[RenderableType]:
    yield Text(READING, style="bold")
    for word, text in page.reading:
        shown = f"{word} ({STAR})" if word == "Bold" and not options.color else word
        yield Text(f"{printable(shown)}: {printable(text)}", style="dim")
    yield ""


def _tables(table: Table, options: Options) -> list[Grid]:
    """Returns one table, with each std below its mean if that is narrower, or several."""
    heads, rows = [_head(head) for head in table.heads], table.rows
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
) -> Grid:
    table = Grid(
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
    return printable(f"{row.label} {_marks(row.notes)}").rstrip()


def _label_width(rows: Sequence[TextRow], most: int) -> int:
    widths = [cell_len(_label(row)) for row in rows]
    return min(most, max([len("method"), *widths]))


def _head(head: Head) -> Text:
    words = filter(None, (*head.name.split(), head.unit))
    return Text("\n".join(words) + head.arrow)


def _marks(notes: Sequence[int]) -> str:
    """Returns numbers of footnotes as small raised digits."""
    return " ".join(str(number).translate(SUPERSCRIPTS) for number in notes)


def _width(text: Text) -> int:
    return max(map(cell_len, text.plain.split("\n")))


def _text(cell: TextCell, options: Options, stacked: bool) -> Text:
    star = STAR if cell.bold and not options.color else ""
    between = "\n" if stacked else " "
    number = between.join(filter(None, (f"{star}{cell.text}", cell.spread)))
    after = f"{f' {cell.beside}' if cell.beside else ''}{_marks(cell.notes)}"
    return Text(number + after, style="bold" if cell.bold else "")
