"""`fmnbench list`: what is registered, read without importing torch."""

import json
from typing import Annotated

import typer

from fmnbench.cli.options import JsonOption, PluginOption, load_plugins
from fmnbench.errors import unknown
from fmnbench.registry import REGISTRIES, Entry
from fmnbench.suite import all_suites

Row = dict[str, object]
WHAT = (*REGISTRIES, "suites", "tasks")


def list_command(
    what: Annotated[
        str | None, typer.Argument(help=f"One of: {', '.join(WHAT)}. All but tasks, if left out.")
    ] = None,
    as_json: JsonOption = False,
    plugin: PluginOption = None,
) -> None:
    """List what is registered, with its source.

    Examples: fmnbench list critics · fmnbench list tasks · fmnbench list metrics --json
    """
    if what is not None and what not in WHAT:
        raise unknown("kind to list", what, WHAT)
    load_plugins(plugin)
    chosen = [what] if what else [name for name in WHAT if name != "tasks"]
    tables = {name: rows(name) for name in chosen}
    if as_json:
        typer.echo(json.dumps(tables[what] if what else tables, indent=2, ensure_ascii=False))
    else:
        _print(tables)


def rows(what: str) -> list[Row]:
    """Returns the lines of one table."""
    if what == "suites":
        return [
            {
                "name": suite.name,
                "summary": suite.title,
                "tracks": ", ".join(comparison.track.name for comparison in suite.comparisons),
                "source": suite.citation,
            }
            for suite in all_suites()
        ]
    if what == "tasks":
        return [
            {
                "suite": suite.name,
                "track": task.track.name,
                "dataset": task.track.dataset,
                "architecture": task.track.architecture,
                "critic": task.critic,
                "objective": task.objective,
                "lambda": task.lambda_,
            }
            for suite in all_suites()
            for comparison in suite.comparisons
            for task in comparison.tasks()
        ]
    return [_row(entry) for entry in REGISTRIES[what].entries()]


def _row(entry: Entry) -> Row:
    row: Row = {"name": entry.name}
    row |= {key: entry.attributes[key] for key in ("unit", "better") if key in entry.attributes}
    summary = f"BROKEN: {entry.broken}" if entry.broken else entry.summary
    return row | {"summary": summary, "source": entry.source, "origin": entry.origin}


def _print(tables: dict[str, list[Row]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for title, lines in tables.items():
        table = Table(title=title, title_justify="left", title_style="bold")
        for column in lines[0] if lines else ("none registered",):
            table.add_column(column, overflow="fold", no_wrap=column == "name")
        for line in lines:
            table.add_row(*(Text("" if cell is None else str(cell)) for cell in line.values()))
        console.print(table)
