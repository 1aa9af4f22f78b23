"""The formats that boards can be rendered in."""

from collections.abc import Callable, Sequence

from fmnbench.board import Board
from fmnbench.errors import unknown
from fmnbench.report import html, markdown, structured, tabular, terminal
from fmnbench.report.base import Options

Renderer = Callable[[Sequence[Board], Options], str]
FORMATS: dict[str, Renderer] = {
    "rich": terminal.render,
    "markdown": markdown.render,
    "html": html.render,
    "csv": tabular.render,
    "json": structured.render,
}


def render(boards: Sequence[Board], format: str, options: Options | None = None) -> str:  # noqa: A002, RUF100 - the option's name
    """Returns boards as text in a format; an unknown one is a UsageError."""
    if format not in FORMATS:
        raise unknown("format", format, FORMATS)
    return FORMATS[format](boards, options or Options())
