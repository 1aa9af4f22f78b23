"""Boards as one HTML page that needs no other file but pictures; all texts are escaped."""

from collections.abc import Sequence
from importlib import resources
from urllib.parse import quote

from fmnbench.board import Board
from fmnbench.printable import printable
from fmnbench.report.base import (
    LINK,
    TEXTS,
    Options,
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
from fmnbench.report.figures import ALT, caption, figure_link
from fmnbench.report.overview import overview

TEMPLATE = "page.html"


def render(boards: Sequence[Board], options: Options) -> str:
    """Returns a page with one section per board; records are links."""
    import jinja2  # not there where only what runs need is installed

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    source = (resources.files("fmnbench") / "report" / TEMPLATE).read_text(encoding="utf-8")
    sections = [_section(board, options) for board in boards]
    words = {
        "overview": _overview(boards),
        "explained": OVERVIEW,
        "caption": PICTURES,
        "writes": TEXTS,
        "alt": ALT,
    }
    return environment.from_string(source).render(boards=sections, **words)


def _overview(boards: Sequence[Board]) -> dict[str, object] | None:
    """Returns what the template shows of the overview."""
    found = overview(boards)
    if found is None:
        return None
    return {
        "summary": printable(found.summary),
        "heads": [printable(head) for head in found.heads],
        "lines": [[printable(cell) for cell in line] for line in found.lines],
        "advice": [printable(sentence) for sentence in found.advice],
    }


def _section(board: Board, options: Options) -> dict[str, object]:
    """Returns what the template shows of a board."""
    around = (methods(board), definitions(board), *sources(board), conclusions(board))
    link = figure_link(board, options)
    return {
        "title": printable(title(board)),
        "fixed": printable(held_fixed(board)),
        "legend": printable(legend(board, "Bold")),
        "heads": [
            {"name": name(column) + arrow(column), "unit": unit(column)}
            for column in board.columns
        ],
        "rows": [
            {
                "kind": row.kind,
                "label": printable(row.label),
                "mark": row.mark,
                "cells": row.cells,
                "links": record_links(row, board, options),
            }
            for row in text_rows(board)
        ],
        "notes": [printable(note) for note in board.notes],
        "texts": [printable(text) for text in around if text],
        "figure": None if link is None else quote(link, safe=LINK),
        "curves": caption(board),
        "pictures": _links(pictures(board, options)),
        "pages": _links(texts(board, options)),
    }


def _links(found: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(printable(label), quote(link, safe=LINK)) for label, link in found]
