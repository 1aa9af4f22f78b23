"""From boards to a page of plain values, which every format renders."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from fmnbench.board import Board
from fmnbench.records.store import folder_name
from fmnbench.report.appended import appended
from fmnbench.report.base import LINK, Figure, Options, Page, Section
from fmnbench.report.captions import (
    compared,
    conclusions,
    held_fixed,
    methods,
    scales,
    sources,
    title,
)
from fmnbench.report.cells import first_table, whole_table
from fmnbench.report.figures import captions
from fmnbench.report.overview import by_worth, group, overview
from fmnbench.report.reading import reading
from fmnbench.report.verdicts import verdict


def page(boards: Sequence[Board], options: Options) -> Page:
    """Returns boards as a page, in the order of what they teach."""
    boards = by_worth(boards)
    found = overview(boards)
    if found is not None and captions.OVERVIEW_FILE in options.figures:
        link = quote(options.figures[captions.OVERVIEW_FILE], safe=LINK)
        figure = Figure(link=link, alt=captions.OVERVIEW_ALT, caption=captions.OVERVIEW)
        found = dataclasses.replace(found, figure=figure)
    sections = [section(board, options) for board in boards]
    if not any(each.group == "track" for each in sections):  # what is first needs no appendix
        first = sections[0].group if sections else "track"
        sections = [
            dataclasses.replace(each, group="track") if each.group == first else each
            for each in sections
        ]
    shown = {figure.alt.capitalize() for each in sections for figure in each.figures}
    drawn = [words for words in captions.READING if words[0] in shown]
    return Page(sections=tuple(sections), overview=found, reading=(*reading(boards), *drawn))


def section(board: Board, options: Options) -> Section:
    """Returns one board as plain values; records, figures and pages are links."""
    folder = quote(f"{options.links}/{folder_name(board.track.name)}", safe=LINK)
    links = {key: f"{folder}/{key}.json" for row in board.rows for key in row.records.values()}
    around = (held_fixed(board), scales(board), methods(board), *sources(board))
    return Section(
        title=title(board),
        group=group(board),
        verdict=verdict(board, options.changed.get(board.track.name, ())),
        compared=compared(board),
        table=first_table(board, options.columns, {}),
        whole=whole_table(board, links),
        notes=board.notes,
        tables=tuple(appended(board)),
        details=tuple(text for text in (*around, conclusions(board)) if text),
        figures=tuple(_figures(board, options)),
        pictures=_of_first_runs(board, options.pictures),
        pages=_of_first_runs(board, options.texts),
    )


def _figures(board: Board, options: Options) -> Iterator[Figure]:
    """Yields the figures that were drawn of a board; none by the protocol as-published.

    It shows the same runs again.
    """
    if board.protocol == "as-published" or not board.seeds:
        return
    for kind, (alt, caption) in captions.KINDS.items():
        place = f"{folder_name(board.track.name)}/{captions.file_name(board, kind)}"
        if place in options.figures:
            link = quote(options.figures[place], safe=LINK)
            yield Figure(link=link, alt=alt, caption=caption(board))


def _of_first_runs(board: Board, links: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Returns the methods of a board with the link of the first seed of each, as far as known.

    None by the protocol as-published, as of figures.
    """
    if board.protocol == "as-published":
        return ()
    firsts = {row.label: next(iter(row.records.values()), "") for row in board.rows}
    return tuple(
        (label, quote(links[key], safe=LINK)) for label, key in firsts.items() if key in links
    )
