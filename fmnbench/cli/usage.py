"""How the command line is used: exit codes, and what to say where it is used wrongly."""

from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from fmnbench.errors import unknown

SOME_FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130  # exit codes


class Verbs(TyperGroup):
    """A group of verbs: shows its help where none is given, and guesses at an unknown one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer hides it
        if not args:
            typer.echo(ctx.get_help())
            raise typer.Exit(WRONG_USAGE)
        return super().parse_args(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - as above
        if cmd_name not in self.commands and not cmd_name.startswith("-"):
            raise unknown("verb", cmd_name, self.commands)
        return super().get_command(ctx, cmd_name)


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
