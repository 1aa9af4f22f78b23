"""`fmnbench report`: boards made from the records of a store."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from fmnbench.board import Board, Protocol, boards
from fmnbench.cli.options import DEFAULT_STORE, StoreOption, SuiteOption, choice
from fmnbench.errors import UsageError
from fmnbench.files import write_atomically
from fmnbench.published import published
from fmnbench.report import FORMATS, Options, render
from fmnbench.spec import Result, Task
from fmnbench.store import Store
from fmnbench.suite import load_suite

SOME_CORRUPT = 1  # exit code


def report_command(
    store: StoreOption = DEFAULT_STORE,
    suite: SuiteOption = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(get_args(Protocol)),
            parser=choice("--protocol", get_args(Protocol)),
            help="Whose definitions of the metrics (default: standard, and report "
            "with --compare for tracks that re-run a published table).",
        ),
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="|".join(FORMATS),
            parser=choice("--format", tuple(FORMATS)),
            help="(default: rich on a terminal, markdown in a pipe)",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Write to a file instead of the screen.")
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Show published values beside ours.")
    ] = False,
) -> int:
    """Show the leaderboard: mean(std) tables over seeds, made from the records alone.

    Examples: fmnbench report --suite quick · fmnbench report > leaderboards/README.md ·
    fmnbench report --suite report --protocol report --compare
    """
    if not store.exists():
        raise UsageError(f"There is no store at '{store}'; `fmnbench run` makes one, or use --store.")
    expected = _expected(suite or [])
    results, errors = Store(store).results(list(expected) if suite else None)
    made = _boards(results, expected, cast(Protocol | None, protocol), compare=compare)
    on_terminal = out is None and sys.stdout.isatty()
    name = format_ or ("rich" if on_terminal else "markdown")
    text = render(made, name, _options(on_terminal=on_terminal))
    if out is None:
        typer.echo(text, nl=not text.endswith("\n"))
    else:
        write_atomically(out, text.encode())
    for error in errors:
        typer.echo(f"corrupt record, left out: {error}", err=True)
    return SOME_CORRUPT if errors else 0


def _expected(suites: Sequence[str]) -> dict[str, list[Task]]:
    """Returns the rows that suites ask for, by track."""
    rows: dict[str, list[Task]] = {}
    for name in suites:
        for comparison in load_suite(name).comparisons:
            rows.setdefault(comparison.track.name, []).extend(comparison.tasks())
    return rows


def _boards(
    results: Sequence[Result],
    expected: dict[str, list[Task]],
    protocol: Protocol | None,
    *,
    compare: bool,
) -> list[Board]:
    """Returns the boards of one protocol, or of both where a published table was re-run."""
    values = published()
    beside = values if compare else ()
    if protocol is not None:
        return boards(results, protocol, expected, beside)
    tracks = {value.track for value in values}
    reruns = [result for result in results if result.spec.track.name in tracks]
    wanted = {track: rows for track, rows in expected.items() if track in tracks}
    standard = boards(results, "standard", expected, beside)
    return standard + boards(reruns, "report", wanted, values)


def _options(*, on_terminal: bool) -> Options:
    from rich.console import Console

    return Options(width=Console().width, color=True) if on_terminal else Options()
