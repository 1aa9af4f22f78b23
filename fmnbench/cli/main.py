"""The `fmnbench` command: its verbs, and one line for each error."""

import errno
import io
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import typer
from typer.exceptions import TyperException

import fmnbench
from fmnbench.cli.usage import BROKEN_PIPE, SOME_FAILED, WRONG_USAGE, complaint
from fmnbench.cli.verbs import Verb, Verbs
from fmnbench.errors import FmnbenchError, UsageError
from fmnbench.printable import printable

STDOUT, STDERR = 1, 2  # file descriptors
NO_OUTPUT = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EBADF,
    errno.EIO,
)  # of a full disk, a closed terminal


class RootVerbs(Verbs):
    """The verbs of `fmnbench`."""

    table: ClassVar[Mapping[str, Verb]] = {
        "list": Verb(
            place="list_command:list_command",
            summary="List what is registered, with its source.",
        ),
        "run": Verb(
            place="run_command:run_command",
            summary="Run tasks with seeds: all that the store does not have yet.",
        ),
        "tune": Verb(
            place="tune_command:tune_command",
            summary="Tune the λ of a critic on validation rows: a front and a choice.",
        ),
        "report": Verb(
            place="report_command:report_command",
            summary="Show the leaderboard, made from the records alone.",
        ),
        "results": Verb(
            place="results_command:results_app",
            summary="List, show, export, import and verify the records of a store.",
        ),
        "data": Verb(
            place="data_command:data_app",
            summary="List, fetch, import and check the datasets.",
        ),
    }


app = typer.Typer(
    name="fmnbench",
    cls=RootVerbs,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: more room at 80 columns, and a quicker start
    context_settings={"help_option_names": ["--help", "-h"]},
)


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
    _open_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # λ on a terminal of Latin-1
    sys.exit(_run(sys.argv[1:] if arguments is None else list(arguments)))


def _run(arguments: list[str]) -> int:
    try:
        code = app(arguments, prog_name="fmnbench", standalone_mode=False)
        sys.stdout.flush()
    except UsageError as error:
        return _fail(str(error), WRONG_USAGE)
    except FmnbenchError as error:
        return _fail(str(error), SOME_FAILED)
    except TyperException as error:
        return _fail(complaint(error), error.exit_code)
    except OSError as error:
        return _not_written(error)
    except SystemExit as error:
        # typer turns a broken pipe into this exit; what it raised it for is its context
        if isinstance(error.__context__, BrokenPipeError):
            return _gone()
        raise
    return code if isinstance(code, int) else 0


def _open_streams() -> None:
    """Opens closed ones on nothing, so that no file gets their numbers and what is printed."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        pass
    os.close(number)
    if sys.stderr is None:
        sys.stderr = open(STDERR, "w")  # noqa: SIM115 - for as long as the process is there
    if sys.stdout is None:
        sys.stdout = open(STDOUT, "w")  # noqa: SIM115 - likewise
        typer.echo("The output is closed; nothing is printed.", err=True)


def _not_written(error: OSError) -> int:
    """Returns the exit code for output that nobody reads or that its disk has no room for."""
    if isinstance(error, BrokenPipeError):
        return _gone()
    if error.errno not in NO_OUTPUT:
        raise error
    _gone()
    return _fail(f"The output cannot be written: {error.strerror}.", SOME_FAILED)


def _gone() -> int:
    """Drops what is still to be printed: nobody reads the output any more, as in `| head -1`."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, STDOUT)
    return BROKEN_PIPE


def _fail(message: str, code: int) -> int:
    typer.echo(f"error: {printable(message)}", err=True)
    return code
