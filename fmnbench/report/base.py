"""A table's text, cell by cell, before it is Markdown or anything else."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Literal
from urllib.parse import quote

from fmnbench.board import Board, Cell, Column, Row
from fmnbench.board.base import DELTA, Beside
from fmnbench.records.store import folder_name

HOLE = "—"
ARROWS = {"lower": " ↓", "higher": " ↑", None: ""}
LABELS = {
    "nll": "NLL",
    "best.nll": "NLL, best epoch",
    "nll_exact": "exact NLL",
    "ppl": "PPL",
    "reconstruction_at_prior": "reconstruction at prior z",
    "kl": "KL",
    "mi_lower": "MI lower",
    "mi_upper": "MI upper",
    "mi_batch": "MI batch",
    "mi": "MI",
    "au": "AU",
}
UNNAMED_UNITS = ("", "ratio", "units")  # a reader knows them from the metric
COUNT = "units"  # the unit of what is counted: one decimal, for the mean over seeds
FEWEST_DECIMALS, MOST_DECIMALS = 2, 4
LARGE, HUGE, TINY = 1e4, 1e6, 1e-3  # one decimal from LARGE on; powers of ten beyond the others
LINK = "/+=,"  # characters that a link keeps as they are
TEXTS = "Generated texts"  # leads to the pages of models of texts
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """How to render: `links` is the folder of the records as seen from the file that is written.

    `pictures` and `texts` are links too, by the keys of records, and `figures` by their track and
    name. `width` is in characters, of the terminal; without `color` there are no escape codes.
    """

    links: str = "results"
    pictures: Mapping[str, str] = dataclasses.field(default_factory=dict)
    texts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    figures: Mapping[str, str] = dataclasses.field(default_factory=dict)
    width: int = 120
    color: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextCell:
    """What a cell says; `spread` is the part in brackets, `mark` what follows both."""

    text: str
    spread: str = ""
    mark: str = ""
    bold: bool = False

    def __str__(self) -> str:
        return f"{self.text}{f' {self.spread}' if self.spread else ''}{self.mark}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextRow:
    """A line of a table: a method, its published values, or a reference."""

    kind: Literal["method", "published", "reference"]
    label: str
    cells: tuple[TextCell, ...]
    mark: str = ""
    records: Mapping[int, str] = dataclasses.field(default_factory=dict)


def text_rows(board: Board) -> list[TextRow]:
    """Returns all lines of a table: methods, each above its published values, then references."""
    rows = []
    for row in board.rows:
        rows.append(_method(row, board))
        if any(cell.published for cell in row.cells.values()):
            rows.append(_published(row, board))
    for reference in board.references:
        cells = [
            _number(column, reference.means.get(column.metric), None) for column in board.columns
        ]
        label = f"{reference.label} (n = {reference.n})"
        rows.append(TextRow(kind="reference", label=label, cells=tuple(cells)))
    return rows


def record_links(row: TextRow, board: Board, options: Options) -> list[tuple[int, str]]:
    """Returns the seeds of a row's records and where these are."""
    folder = f"{options.links}/{quote(folder_name(board.track.name), safe=LINK)}"
    return [(seed, f"{folder}/{key}.json") for seed, key in row.records.items()]


def pictures(board: Board, options: Options) -> list[tuple[str, str]]:
    """Returns the methods that a picture was drawn of, and the picture of the first seed of each.

    None of the protocol as-published: it shows the same runs again.
    """
    return _of_first_runs(board, options.pictures)


def texts(board: Board, options: Options) -> list[tuple[str, str]]:
    """Returns the methods that have a page of texts, and the page of the first seed of each.

    None of the protocol as-published, as of pictures.
    """
    return _of_first_runs(board, options.texts)


def name(column: Column) -> str:
    """Returns a column's short name."""
    return short_name(column.metric)


def short_name(metric: str) -> str:
    """Returns what a table calls a metric, in either protocol."""
    bare = metric.removeprefix("report.").removeprefix(DELTA)
    return ("Δ " if metric.startswith(DELTA) else "") + LABELS.get(bare, bare)


def arrow(column: Column) -> str:
    """Returns an arrow in the direction that is better, or to a target, after a space."""
    return ARROWS[column.better] if column.target is None else f" → {column.target:.2f}"


def unit(column: Column) -> str:
    """Returns a column's unit, "" where its name says it."""
    return "" if column.unit in UNNAMED_UNITS else column.unit


def mean_std(mean: float, std: float | None, decimals: int | None = None) -> tuple[str, str]:
    """Returns a mean and, in brackets, its std as texts, both with the same decimals.

    These are as many as show two digits of the std, but 2 to 4; less for large numbers. Below
    0.001 and from a million on both are powers of ten.
    """
    size = max(abs(mean), std or 0.0)
    if size >= HUGE or 0 < size < TINY:
        return f"{mean:.2e}", "" if std is None else f"({std:.1e})"
    if decimals is None:
        leading = math.floor(math.log10(std)) if std else 0
        decimals = min(max(1 - leading, FEWEST_DECIMALS), MOST_DECIMALS)
        decimals = 1 if size >= LARGE else decimals
    if std is None:
        return f"{mean:.{decimals}f}", ""
    least = 10.0**-decimals
    shown = f"{std:.{decimals}f}" if std == 0 or std >= least / 2 else f"<{least:.{decimals}f}"
    return f"{mean:.{decimals}f}", f"({shown})"


def superscript(numbers: tuple[int, ...]) -> str:
    """Returns footnote numbers as small raised digits."""
    return " ".join(str(number).translate(SUPERSCRIPTS) for number in numbers)


def _of_first_runs(board: Board, links: Mapping[str, str]) -> list[tuple[str, str]]:
    if board.protocol == "as-published":
        return []
    firsts = {row.label: next(iter(row.records.values()), "") for row in board.rows}
    return [(label, links[key]) for label, key in firsts.items() if key in links]


def _method(row: Row, board: Board) -> TextRow:
    cells = [_cell(column, row.cells[column.metric]) for column in board.columns]
    return TextRow(
        kind="method",
        label=row.label,
        cells=tuple(cells),
        mark=superscript(row.notes),
        records=row.records,
    )


def _published(row: Row, board: Board) -> TextRow:
    cells = []
    for column in board.columns:
        cell = row.cells[column.metric]
        if cell.published is None:
            cells.append(TextCell(text=""))
            continue
        mean, std = cell.published.mean, cell.published.std
        decimals = max(_decimals(mean), _decimals(std))
        text, spread = mean_std(mean, std, decimals)
        mark = _beside(cell.beside, decimals) if cell.beside else ""
        cells.append(TextCell(text=text, spread=spread, mark=mark))
    return TextRow(kind="published", label="↳ published", cells=tuple(cells))


def _beside(compared: Beside, decimals: int) -> str:
    """Returns ours − published with its interval, and whether the order is reversed."""
    text = f" {_plain(compared.difference, decimals, '+')}"
    if compared.half_width is not None:
        width = _plain(compared.half_width, decimals)
        text += f" ± {width}" if float(width) else f" ± <{10.0**-decimals:.{decimals}f}"
    return text + (", order reversed" if compared.is_reversed else "")


def _decimals(value: float) -> int:
    """Returns how many decimals a number is printed with."""
    return len(repr(value).partition(".")[2])


def _cell(column: Column, cell: Cell) -> TextCell:
    if column.metric.startswith(DELTA):
        return TextCell(text=_difference(cell))
    number = _middle(column, *cell.middle) if cell.middle else _number(column, cell.mean, cell.std)
    return dataclasses.replace(
        number, mark=superscript(cell.notes), text=number.text or HOLE, bold=cell.bold
    )


def _difference(cell: Cell) -> str:
    """Returns a difference from the plain VAE: its interval, and the verdict, if there is one."""
    if cell.mean is None:
        return ""
    text = _plain(cell.mean, 2, "+")
    if cell.half_width is not None:
        text += f" ± {_plain(cell.half_width, 2)}"
    seeds = f" ({cell.seeds} seeds)" if cell.seeds else ""
    return f"{text} {cell.verdict}{seeds}" if cell.verdict else text


def _middle(column: Column, median: float, lowest: float, highest: float) -> TextCell:
    """Returns the median and the range of a row whose seeds differ in kind."""
    decimals = 1 if column.unit == COUNT else 2
    spread = f"[{_plain(lowest, decimals)}, {_plain(highest, decimals)}]"
    return TextCell(text=_plain(median, decimals), spread=spread)


def _plain(value: float, decimals: int, sign: str = "") -> str:
    """Returns a number with so many decimals, a power of ten from a million on."""
    return f"{value:{sign}.2e}" if abs(value) >= HUGE else f"{value:{sign}.{decimals}f}"


def _number(column: Column, mean: float | None, std: float | None) -> TextCell:
    if mean is None:
        return TextCell(text="")
    text, spread = mean_std(mean, std, 1 if column.unit == COUNT else None)
    return TextCell(text=text, spread=spread)
