"""The `fmnbench` command: its verbs, and one line for each error."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

import fmnbench
from fmnbench.cli.bundle_commands import export_results, import_results
from fmnbench.cli.data_command import data_app
from fmnbench.cli.list_command import list_command
from fmnbench.cli.report_command import report_command
from fmnbench.cli.results_command import results_app
from fmnbench.cli.run_command import run_command
from fmnbench.cli.usage import SOME_FAILED, WRONG_USAGE, Verbs, complaint
from fmnbench.errors import FmnbenchError, UsageError

app = typer.Typer(
    name="fmnbench",
    cls=Verbs,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: more room at 80 columns, and a quicker start
    context_settings={"help_option_names": ["--help", "-h"]},
)
app.command("list")(list_command)
app.command("run")(run_command)
app.command("report")(report_command)
results_app.command("export")(export_results)
results_app.command("import")(import_results)
app.add_typer(results_app, name="results")
app.add_typer(data_app, name="data")


def _show_version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"fmnbench {fmnbench.__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Benchmark suite and leaderboard for posterior collapse in variational autoencoders.

    \b
    Examples:
      fmnbench list tasks
      fmnbench run --suite quick --seeds 3
      fmnbench report --suite quick

    Exit codes: 0 all well; 1 some run failed or a check did not hold; 2 wrong usage;
    130 interrupted, with all finished work kept.
    """  # noqa: D301 - \b is typer's mark for lines to be kept


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits: 0 well, 1 something failed, 2 wrong usage, 130 stopped."""
    sys.exit(_run(sys.argv[1:] if arguments is None else list(arguments)))


def _run(arguments: list[str]) -> int:
    try:
        code = app(arguments, prog_name="fmnbench", standalone_mode=False)
    except UsageError as error:
        return _fail(str(error), WRONG_USAGE)
    except FmnbenchError as error:
        return _fail(str(error), SOME_FAILED)
    except TyperException as error:
        return _fail(complaint(error), error.exit_code)
    return code if isinstance(code, int) else 0


def _fail(message: str, code: int) -> int:
    typer.echo(f"error: {' '.join(message.split())}", err=True)
    return code
