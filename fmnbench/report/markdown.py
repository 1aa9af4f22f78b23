"""Boards as Markdown: the same bytes for the same records."""

import re
from collections.abc import Iterator, Sequence

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
from fmnbench.report.captions import (
    APPENDIX,
    FOLDED,
    NO_RECORDS,
    OVERVIEW,
    PICTURES,
    PUBLISHED,
    READING,
    TEXTS,
)

ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "://": "&colon;//", "@": "@&NoBreak;"}
# Renderers look for addresses after they decode entities: only another character parts them.
WEB = re.compile(r"\bwww\.", re.IGNORECASE)  # a link without its protocol
SPECIAL = re.compile(r"([\\`*_\[\]|~$#]|^[-+])")
GROUPS = {"published": PUBLISHED, "appendix": APPENDIX}


def render(page: Page, options: Options) -> str:  # noqa: ARG001, RUF100 - the renderers' signature
    """Returns a document with one section per board; records are links."""
    lines = ["# Leaderboard", ""]
    lines += ["`fmnbench report` generates this page from the linked records.", ""]
    if not page.sections:
        lines += [NO_RECORDS, ""]
    if page.overview is not None:
        lines += _overview(page.overview)
        lines += _contents(page)
    last = "track"
    for section in page.sections:
        if section.group != last:
            lines += [f"## {GROUPS[section.group]}", ""]
            last = section.group
        lines += _section(section) if section.group == "track" else _folded(section)
    if page.sections:
        lines += [f"## {READING}", ""]
        lines += [f"- **{escape(word)}**: {escape(text)}" for word, text in page.reading]
        lines.append("")
    return "\n".join(lines)


def escape(text: str) -> str:
    """Returns a text that Markdown shows as it is, on one line."""
    text = printable(text)
    for character, entity in ENTITIES.items():
        text = text.replace(character, entity)
    return SPECIAL.sub(r"\\\1", WEB.sub(lambda found: f"{found[0][:-1]}&NoBreak;.", text))


def _overview(found: Overview) -> Iterator[str]:
    yield from (escape(found.summary), "")
    for question, answer in found.answers:
        yield from (f"**{escape(question)}**: {escape(answer)}", "")
    yield _line([escape(head) for head in found.heads])
    yield _line([":--"] * len(found.heads))
    for track, *cells in found.lines:
        yield _line([_jump(track), *map(escape, cells)])
    yield from ("", escape(OVERVIEW), "")
    if found.figure is not None:
        yield from (f"![{found.figure.alt}]({found.figure.link})", "")
        yield from (escape(found.figure.caption), "")


def _contents(page: Page) -> Iterator[str]:
    tracks = [section.title for section in page.sections if section.group == "track"]
    groups = dict.fromkeys(section.group for section in page.sections if section.group in GROUPS)
    links = map(_jump, [*tracks, *(GROUPS[each] for each in groups), READING])
    yield from (f"Contents: {' · '.join(links)}", "")


def _jump(heading: str) -> str:
    """Returns a link to a heading, by the anchor that GitHub gives it."""
    anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
    return f"[{escape(heading)}](#{anchor})"


def _section(section: Section) -> Iterator[str]:
    """Yields a table with its verdict, its figures, and the rest folded."""
    yield from (f"## {escape(section.title)}", "")
    yield from (escape(section.verdict), "")
    yield from _table(section.table, with_records=False)
    if section.compared:
        yield from (escape(section.compared), "")
    for table in section.tables:
        yield from table_lines(table)
    yield from _figures(section)
    yield from _details(FOLDED, _rest(section))


def _folded(section: Section) -> Iterator[str]:
    """Yields the verdict of a table, and all the rest folded."""
    yield from (f"### {escape(section.title)}", "")
    yield from (escape(section.verdict), "")
    yield from _details("Table, records, notes and settings", _rest(section, is_first=True))


def _details(summary: str, lines: Iterator[str]) -> Iterator[str]:
    yield from ("<details>", f"<summary>{summary}</summary>", "")
    yield from lines
    yield from ("</details>", "")


def _rest(section: Section, *, is_first: bool = False) -> Iterator[str]:
    yield from _table(section.whole, with_records=True)
    if section.notes:
        yield from (f"{number}. {escape(note)}" for number, note in enumerate(section.notes, 1))
        yield ""
    if is_first and section.compared:
        yield from (escape(section.compared), "")
    for text in section.details:
        yield from (escape(text), "")
    if is_first:
        for table in section.tables:
            yield from table_lines(table)
        yield from _figures(section)
    for figure in section.figures:
        yield from (escape(f"{figure.alt.capitalize()}: {figure.caption}"), "")
    yield from _pictures(section)
    if section.pages:
        links = [f"[{escape(label)}]({link})" for label, link in section.pages]
        yield from (f"{TEXTS}: {' · '.join(links)}", "")


def _figures(section: Section) -> Iterator[str]:
    if section.figures:
        yield from (f"![{escape(figure.alt)}]({figure.link})" for figure in section.figures)
        yield ""


def _pictures(section: Section) -> Iterator[str]:
    """Yields a picture a method, where there are such."""
    found = section.pictures
    if found:
        yield from (escape(PICTURES), "")
        yield _line([escape(label) for label, _ in found])
        yield _line([":-:"] * len(found))
        yield _line([f"![{escape(label)}]({link})" for label, link in found])
        yield ""


def _table(table: Table, *, with_records: bool) -> Iterator[str]:
    records = ["records by seed"] if with_records else []
    yield _line(["method", *map(_head, table.heads), *records])
    yield _line([":--", *("--:" for _ in table.heads), *(":--" for _ in records)])
    for row in table.rows:
        links = [" ".join(f"[{seed}]({link})" for seed, link in row.records)]
        cells = [_cell(cell, row) for cell in row.cells]
        yield _line([_label(row), *cells, *(links if with_records else [])])
    yield ""


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


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _head(head: Head) -> str:
    return escape(head.name) + head.arrow + (f" ({escape(head.unit)})" if head.unit else "")


def _label(row: TextRow) -> str:
    label = escape(row.label)
    return f"{label}{_marks(row.notes)}" if row.kind == "method" else f"*{label}*"


def _cell(cell: TextCell, row: TextRow) -> str:
    number = escape(cell.number)
    if not number:
        return ""
    if row.kind != "method":
        return f"*{number}*{f' {escape(cell.beside)}' if cell.beside else ''}"
    return f"{f'**{number}**' if cell.bold else number}{_marks(cell.notes)}"


def _marks(notes: Sequence[int]) -> str:
    """Returns numbers of footnotes, raised."""
    return f"<sup>{' '.join(map(str, notes))}</sup>" if notes else ""
