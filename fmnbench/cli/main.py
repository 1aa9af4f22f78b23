"""The `fmnbench` command: its verbs, and one line for each error."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

import fmnbench
from fmnbench.cli.list_command import list_command
from fmnbench.cli.report_command import report_command
from fmnbench.cli.results_command import results_app
from fmnbench.cli.run_command import run_command
from fmnbench.errors import FmnbenchError

SOME_FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130  # exit codes

app = typer.Typer(
    name="fmnbench",
    help="Benchmark suite and leaderboard for posterior collapse in variational autoencoders.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("list")(list_command)
app.command("run")(run_command)
app.command("report")(report_command)
app.add_typer(results_app, name="results")


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Benchmark suite and leaderboard for posterior collapse in variational autoencoders."""
    if version:
        typer.echo(f"fmnbench {fmnbench.__version__}")
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits: 0 well, 1 something failed, 2 wrong usage, 130 stopped."""
    sys.exit(_run(sys.argv[1:] if arguments is None else list(arguments)))


def _run(arguments: list[str]) -> int:
    try:
        code = app(arguments, standalone_mode=False)
    except FmnbenchError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def _fail(message: str) -> int:
    line = " ".join(message.split())
    typer.echo(f"error: {line}", err=True)
    return WRONG_USAGE
