"""What `fmnbench report --power` shows: the open contrasts, and what it takes to decide them."""

from collections.abc import Sequence
from pathlib import Path

import typer

from fmnbench.board.power import Need
from fmnbench.cli.text import print_table, say
from fmnbench.errors import UsageError
from fmnbench.files import write_atomically
from fmnbench.report.power import as_json, as_markdown, power


def print_power(needs: Sequence[Need], name: str, out: Path | None) -> None:
    """Prints or writes the table; UsageError for a format that it does not have."""
    if name == "rich" and out is None:
        table = power(needs)
        if table.lines:
            print_table([dict(zip(table.heads, line, strict=True)) for line in table.lines])
        say(table.explained)
    elif name in TEXTS:
        write(TEXTS[name](needs), out)
    else:
        known = ", ".join(("rich (on the screen)", *TEXTS))
        raise UsageError(f"--power has no format '{name}'; it has {known}.")


TEXTS = {"markdown": as_markdown, "json": as_json}


def write(text: str, out: Path | None) -> None:
    """Prints a text, or writes it as a file, whole or not at all."""
    if out is None:
        typer.echo(text, nl=not text.endswith("\n"))
        return
    try:
        write_atomically(out, text.encode())
    except OSError as error:
        raise UsageError(f"--out '{out}' cannot be written: {error.strerror}.") from None
