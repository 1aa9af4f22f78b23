"""`fmnbench results`: the records of a store, one line each or one in full."""

import json
from typing import Annotated

import typer

from fmnbench.cli.options import DEFAULT_STORE, JsonOption, StoreOption
from fmnbench.spec import Result
from fmnbench.store import Store

SOME_BAD = 1  # exit code
results_app = typer.Typer(no_args_is_help=True, help="List or show the records of a store.")


@results_app.command("list")
def list_results(
    store: StoreOption = DEFAULT_STORE,
    track: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only these tracks.")
    ] = None,
    status: Annotated[
        str | None, typer.Option(metavar="STATUS", help="Only records that ended so.")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """List records: key, track, row, seed, status, seconds.

    Example: fmnbench results list --track toy-mlp --status failed
    """
    results, errors = Store(store).results(track)
    chosen = [result for result in results if status is None or result.status == status]
    if as_json:
        typer.echo(json.dumps([_line(result) for result in chosen], indent=2, ensure_ascii=False))
    else:
        _print(chosen)
    for error in errors:
        typer.echo(f"corrupt record: {error}", err=True)
    return SOME_BAD if errors else 0


@results_app.command("show")
def show_result(
    key: Annotated[str, typer.Argument(help="A record's key, or its first digits.")],
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Show one record in full: spec, metrics, curve, timings, provenance.

    Example: fmnbench results show 3f2a
    """
    typer.echo(Store(store).find(key).read_text(encoding="utf-8"), nl=False)


def _line(result: Result) -> dict[str, object]:
    spec = result.spec
    return {
        "key": spec.key,
        "track": spec.track.name,
        "critic": spec.critic,
        "lambda": spec.lambda_,
        "objective": spec.objective,
        "seed": spec.seed,
        "status": result.status,
        "seconds": round(result.provenance.seconds, 1),
        "error": result.error,
    }


def _print(results: list[Result]) -> None:
    """Prints a plain table; only the last column may fold."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    lines = [_line(result) for result in results]
    if not lines:
        console.print("No records.")
        return
    table = Table(box=None, pad_edge=False)
    for column in lines[0]:
        table.add_column(column, overflow="fold", no_wrap=column != "error")
    for line in lines:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in line.values()))
    console.print(table)
