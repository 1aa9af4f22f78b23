"""Groups of verbs: a table says which module each verb is in; it is imported when chosen."""

import dataclasses
import importlib
from collections.abc import Mapping
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup

from fmnbench.cli.usage import WRONG_USAGE
from fmnbench.errors import unknown


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verb:
    """Where a verb is defined, and the line that the help of its group shows.

    `place` is "module:attribute" below `fmnbench.cli`: a function, or a Typer app with verbs of
    its own. `summary` repeats the first line of its documentation.
    """

    place: str
    summary: str

    def load(self) -> Any:  # noqa: ANN401 - a function of any signature, or an app
        """Imports the verb's module; returns the function or the app."""
        module, _, attribute = self.place.partition(":")
        return getattr(importlib.import_module(f"fmnbench.cli.{module}"), attribute)


class Verbs(TyperGroup):
    """A group that shows its help where no verb is given, and guesses at an unknown one.

    A group with a `table` has its verbs there; the help of such a group imports none of them.
    """

    table: ClassVar[Mapping[str, Verb]] = {}

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer hides it
        if not args:
            typer.echo(ctx.get_help())
            raise typer.Exit(WRONG_USAGE)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - as above
        return list(self.table) or super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - as above
        if cmd_name in self.table and cmd_name not in self.commands:
            self.commands[cmd_name] = _command(cmd_name, self.table[cmd_name].load())
        if cmd_name not in self.commands and not cmd_name.startswith("-"):
            raise unknown("verb", cmd_name, self.list_commands(ctx))
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as above
        if not self.table:
            super().format_commands(ctx, formatter)
            return
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.summary) for name, verb in self.table.items()])


def _command(name: str, found: Any) -> Any:  # noqa: ANN401 - as in Verb.load
    """Returns the command of a verb's function, or the group of its app."""
    if isinstance(found, typer.Typer):
        command: Any = typer.main.get_group(found)
    else:
        app = typer.Typer(
            rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False
        )
        app.command(name)(found)
        command = typer.main.get_command(app)
    command.name = name
    return command
