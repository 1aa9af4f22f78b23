"""Boards as Markdown: the same bytes for the same records."""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from fmnbench.board import Board, Column
from fmnbench.printable import printable
from fmnbench.report.appended import appended
from fmnbench.report.base import (
    LINK,
    TEXTS,
    Options,
    TextCell,
    TextRow,
    arrow,
    name,
    pictures,
    record_links,
    text_rows,
    texts,
    unit,
)
from fmnbench.report.captions import (
    OVERVIEW,
    PICTURES,
    conclusions,
    definitions,
    held_fixed,
    legend,
    methods,
    sources,
    title,
)
from fmnbench.report.equal_information import equal_information_link
from fmnbench.report.figures import ALT, caption, figure_link
from fmnbench.report.overview import Overview, overview
from fmnbench.report.text_table import TextTable

ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "://": "&colon;//", "@": "@&NoBreak;"}
# Renderers look for addresses after they decode entities: only another character parts them.
WEB = re.compile(r"\bwww\.", re.IGNORECASE)  # a link without its protocol
SPECIAL = re.compile(r"([\\`*_\[\]|~$#]|^[-+])")


def render(boards: Sequence[Board], options: Options) -> str:
    """Returns a document with one section per board; records are links."""
    lines = ["# Leaderboard", ""]
    lines += ["`fmnbench report` generates this page from the linked records.", ""]
    if not boards:
        lines += ["There are no records yet.", ""]
    found = overview(boards)
    if found is not None:
        lines += _overview(found)
    for board in boards:
        lines += _section(board, options)
    return "\n".join(lines)


def escape(text: str) -> str:
    """Returns a text that Markdown shows as it is, on one line."""
    text = printable(text)
    for character, entity in ENTITIES.items():
        text = text.replace(character, entity)
    return SPECIAL.sub(r"\\\1", WEB.sub(lambda found: f"{found[0][:-1]}&NoBreak;.", text))


def _overview(found: Overview) -> Iterator[str]:
    yield from (escape(found.summary), "")
    yield _line([escape(head) for head in found.heads])
    yield _line([":--"] * len(found.heads))
    for track, *cells in found.lines:
        yield _line([f"[{escape(track)}](#{_anchor(track)})", *map(escape, cells)])
    yield from ("", escape(OVERVIEW), "")
    for sentence in found.advice:
        yield from (escape(sentence), "")


def _anchor(heading: str) -> str:
    """Returns the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _section(board: Board, options: Options) -> Iterator[str]:
    yield from (f"## {escape(title(board))}", "")
    yield from (escape(held_fixed(board)), "")
    yield from (escape(legend(board, "Bold")).replace("Bold", "**Bold**", 1), "")
    heads = ["method", *(_head(column) for column in board.columns), "records by seed"]
    yield _line(heads)
    yield _line([":--", *("--:" for _ in board.columns), ":--"])
    for row in text_rows(board):
        yield _line(
            [_label(row), *(_cell(cell, row) for cell in row.cells), _links(row, board, options)]
        )
    yield ""
    if board.notes:
        yield from (f"{number}. {escape(note)}" for number, note in enumerate(board.notes, 1))
        yield ""
    for text in (methods(board), definitions(board), *sources(board), conclusions(board)):
        if text:
            yield from (escape(text), "")
    for table in appended(board):
        yield from table_lines(table)
    yield from _figure(board, options)
    yield from _pictures(board, options)
    yield from _texts(board, options)


def table_lines(table: TextTable) -> Iterator[str]:
    """Yields the lines of a small table, its title above it and what it says below."""
    yield from (f"**{escape(table.title)}**", "")
    if table.lines:
        yield _line([escape(head) for head in table.heads])
        yield _line([":--", *("--:" for _ in table.heads[1:])])
        for line in table.lines:
            yield _line([escape(cell) for cell in line])
        yield ""
    yield from (escape(table.explained), "")


def _pictures(board: Board, options: Options) -> Iterator[str]:
    """Yields a picture a method, where there are such."""
    found = pictures(board, options)
    if found:
        yield from (escape(PICTURES), "")
        yield _line([escape(label) for label, _ in found])
        yield _line([":-:"] * len(found))
        yield _line([f"![{escape(label)}]({quote(link, safe=LINK)})" for label, link in found])
        yield ""


def _figure(board: Board, options: Options) -> Iterator[str]:
    """Yields the curves of a table, where they were drawn, and what they show."""
    curves = equal_information_link(board, options)
    if curves is not None:
        yield from (f"![NLL by KL]({quote(curves, safe=LINK)})", "")
    link = figure_link(board, options)
    if link is not None:
        yield from (f"![{ALT}]({quote(link, safe=LINK)})", "")
        yield from (escape(caption(board)), "")


def _texts(board: Board, options: Options) -> Iterator[str]:
    """Yields links to what methods write, where there are such."""
    found = texts(board, options)
    if found:
        links = [f"[{escape(label)}]({quote(link, safe=LINK)})" for label, link in found]
        yield from (f"{TEXTS}: {' · '.join(links)}", "")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _head(column: Column) -> str:
    of = f" ({escape(unit(column))})" if unit(column) else ""
    return f"{escape(name(column))}{arrow(column)}{of}"


def _label(row: TextRow) -> str:
    label = escape(row.label)
    if row.kind != "method":
        return f"*{label}*"
    return f"{label} {row.mark}".rstrip()


def _cell(cell: TextCell, row: TextRow) -> str:
    number = escape(f"{cell.text} {cell.spread}".rstrip())
    if not number:
        return ""
    if row.kind != "method":
        return f"*{number}*{cell.mark}"
    return f"{f'**{number}**' if cell.bold else number}{cell.mark}"


def _links(row: TextRow, board: Board, options: Options) -> str:
    return " ".join(f"[{seed}]({link})" for seed, link in record_links(row, board, options))
