"""Plain text for people: tables and definitions that fit a terminal and survive a pipe."""

import shutil
import textwrap
from collections.abc import Mapping, Sequence

import typer

from fmnbench.board.labels import method_label
from fmnbench.printable import clean, json_text, printable
from fmnbench.spec import RunSpec

UNITS = (("days", 86_400), ("h", 3_600), ("min", 60))
NARROWEST = 20  # characters for a definition, however long the names are
UNBROKEN = "\N{NO-BREAK SPACE}"  # printed as a space at which no line is folded


def row_name(spec: RunSpec) -> str:
    """Returns a row's short name within its track."""
    return method_label(spec.task)


def run_name(spec: RunSpec) -> str:
    """Returns a run's name for people: its track, row and seed."""
    return f"{spec.track.name} {row_name(spec)} seed {spec.seed}"


def lasting(seconds: float) -> str:
    """Returns a duration with two digits, in the largest unit of which it has at least two."""
    for name, length in UNITS:
        if seconds >= 2 * length:
            return f"{float(f'{seconds / length:.2g}'):g} {name}"  # 110, not 1.1e+02
    return f"{seconds:.0f} s"


def counted(number: int, noun: str) -> str:
    """Returns a number with its noun: 1 run, 2 runs."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def say(text: object = "", *, err: bool = False, bold: bool = False) -> None:
    """Prints one line, in which nothing can steer a terminal, whoever wrote it."""
    typer.secho(clean(str(text)), err=err, bold=bold or None)


def say_json(value: object) -> None:
    """Prints a value as JSON with an escape for each character that could steer a terminal."""
    typer.echo(json_text(value, indent=2))


def print_table(rows: Sequence[Mapping[str, object]]) -> None:
    """Prints rows under the keys of the first, each on one line, with no cell cut off."""
    lines = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for number, line in enumerate(lines):
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        typer.secho("  ".join(cells).rstrip(), bold=number == 0)


def print_definitions(title: str, definitions: Mapping[str, Sequence[str]]) -> None:
    """Prints names with paragraphs beside them, folded at the terminal's width."""
    say(title, bold=True)
    indent = max(map(len, definitions), default=0) + 4
    width = max(shutil.get_terminal_size().columns, indent + NARROWEST)
    for name, paragraphs in definitions.items():
        text = [
            clean(line)  # UNBROKEN too
            for paragraph in paragraphs
            if paragraph
            for line in textwrap.wrap(
                paragraph,
                width,
                initial_indent=" " * indent,
                subsequent_indent=" " * indent,
                break_on_hyphens=False,
            )
        ]
        first = text[0][indent:] if text else ""
        say(f"  {name}".ljust(indent) + first)
        for line in text[1:]:
            say(line)


def _cell(value: object) -> str:
    return "" if value is None else printable(str(value))
