"""Boards as one HTML page that needs no other file but pictures; all texts are escaped."""

import dataclasses
from importlib import resources
from typing import Any

from fmnbench.printable import printable
from fmnbench.report import captions
from fmnbench.report.base import Options, Page

TEMPLATE = "page.html"


def render(page: Page, options: Options) -> str:  # noqa: ARG001, RUF100 - the renderers' signature
    """Returns a page with one section per board; records are links."""
    import jinja2  # not there where only what runs need is installed

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    source = (resources.files("fmnbench") / "report" / TEMPLATE).read_text(encoding="utf-8")
    shown = _cleaned(dataclasses.asdict(page))
    return environment.from_string(source).render(page=shown, words=captions)


def _cleaned(value: Any) -> Any:  # noqa: ANN401 - whatever a page consists of
    """Returns the plain values of a page with no character that could steer what shows them."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {name: _cleaned(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(each) for each in value]
    return value
