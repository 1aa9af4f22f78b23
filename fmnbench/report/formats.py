"""The formats that boards can be rendered in: pages for people, and data."""

from collections.abc import Callable, Sequence

from fmnbench.board import Board
from fmnbench.errors import unknown
from fmnbench.report import html, latex, markdown, structured, tabular, terminal
from fmnbench.report.base import Options, Page
from fmnbench.report.choices import only_columns, require_columns
from fmnbench.report.sections import page

PAGES: dict[str, Callable[[Page, Options], str]] = {
    "rich": terminal.render,
    "markdown": markdown.render,
    "html": html.render,
    "latex": latex.render,
}
DATA: dict[str, Callable[[Sequence[Board]], str]] = {
    "csv": tabular.render,
    "json": structured.render,
}
FORMATS = (*PAGES, *DATA)


def render(boards: Sequence[Board], format: str, options: Options | None = None) -> str:  # noqa: A002, RUF100 - the option's name
    """Returns boards as text in a format; an unknown one, or a column, is a UsageError."""
    options = options or Options()
    if format not in FORMATS:
        raise unknown("format", format, FORMATS)
    require_columns(boards, options.columns)
    if format in PAGES:
        return PAGES[format](page(boards, options), options)
    return DATA[format](only_columns(boards, options.columns))
