"""How the command line is used: exit codes, and what to say where it is used wrongly."""

import typer
from typer.exceptions import TyperException

from fmnbench.errors import unknown

SOME_FAILED, WRONG_USAGE, INTERRUPTED, BROKEN_PIPE = 1, 2, 130, 141  # exit codes


def complaint(error: TyperException) -> str:
    """Returns what a user did wrong, and where to read on."""
    context: typer.Context | None = getattr(error, "ctx", None)
    if context is None:
        return error.format_message()
    option = getattr(error, "option_name", None)
    options = [name for each in context.command.params for name in each.opts if name[0] == "-"]
    if option is not None and option not in options:
        return str(unknown("option", option, [*options, "--help"]))
    message = error.format_message().removesuffix(".")
    return f"{message}; see `{context.command_path} --help`."
