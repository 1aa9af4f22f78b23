"""What a page of tables consists of, in plain values: a format needs to know nothing else."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

LINK = "/+=,"  # characters that a link keeps as they are
Group = Literal["track", "published", "appendix"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """How to render: `links` is the folder of the records as seen from the file that is written.

    `pictures` and `texts` are links too, by the keys of records, and `figures` by their track and
    name. `columns` are metrics by name, in place of the few that a table shows first. `width` is
    in characters, of the terminal; without `color` there are no escape codes. `changed` names, by
    track, those of the store that are the same with changed settings.
    """

    links: str = "results"
    pictures: Mapping[str, str] = dataclasses.field(default_factory=dict)
    texts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    figures: Mapping[str, str] = dataclasses.field(default_factory=dict)
    columns: tuple[str, ...] = ()
    changed: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    width: int = 120
    color: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Head:
    """The head of a column: its name, an arrow to what is better, and its unit, "" for none."""

    name: str
    arrow: str = ""
    unit: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextCell:
    """What a cell says: a text, a spread in brackets, a comparison, numbers of footnotes."""

    text: str
    spread: str = ""
    beside: str = ""
    notes: tuple[int, ...] = ()
    bold: bool = False

    @property
    def number(self) -> str:
        """The text with its spread."""
        return f"{self.text} {self.spread}".rstrip()


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextRow:
    """A line of a table: a method, its published values, or a reference.

    `records` are links by seed.
    """

    kind: Literal["method", "published", "reference"]
    label: str
    cells: tuple[TextCell, ...]
    notes: tuple[int, ...] = ()
    records: tuple[tuple[int, str], ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """Heads and rows; the heads do not count the column of names."""

    heads: tuple[Head, ...]
    rows: tuple[TextRow, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextTable:
    """A small table: lines under heads, named by their first cell, and what explains them."""

    title: str
    heads: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    explained: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figure:
    """A drawn figure: where it is, what stands for it as text, and what it shows."""

    link: str
    alt: str
    caption: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
    """One board. `table` is what a reader sees first, `whole` all columns with the records.

    `verdict` says in a sentence or two what the table decides, `compared` by which seeds, and
    which columns decide nothing. `tables` answer questions of their own. `details` are paragraphs
    on settings and sources. `pictures` and `pages` are links by method, to what its first seed
    draws and writes.
    """

    title: str
    group: Group
    verdict: str
    compared: str
    table: Table
    whole: Table
    notes: tuple[str, ...] = ()
    tables: tuple[TextTable, ...] = ()
    details: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    pictures: tuple[tuple[str, str], ...] = ()
    pages: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Overview:
    """A summary in one sentence, answers by question, and a line of cells for each track.

    `heads` name the columns: the track, its seeds, the models without z, and each method.
    """

    summary: str
    answers: tuple[tuple[str, str], ...]
    heads: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    figure: Figure | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Page:
    """A whole leaderboard; `reading` says how to read it, as words with their definitions."""

    sections: tuple[Section, ...]
    overview: Overview | None
    reading: tuple[tuple[str, str], ...]
