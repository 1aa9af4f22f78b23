"""What a component's file declares, read from its source text without running it."""

import ast
import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

from fmnbench.spec import Setting

BUILT_IN = "built-in"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """One registered component, as far as it is known without importing it.

    `attributes` are the literal keywords of its decorator (source, unit, better, version...).
    `broken` says why it cannot be used, if it cannot.
    """

    name: str
    summary: str = ""
    attributes: Mapping[str, Setting] = dataclasses.field(default_factory=dict)
    module: str
    path: Path | None = None
    origin: str = BUILT_IN
    broken: str | None = None

    @property
    def source(self) -> str:
        """Where the method was published, as its author wrote it."""
        return str(self.attributes.get("source", ""))


def declarations(path: Path, label: str, module: str, origin: str) -> list[Entry]:
    """Returns the components that a file's decorators `@<label>.register("name")` declare.

    Of a file that is not Python, those that its text names, or else one with the file's name;
    they are broken.
    """
    try:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text, path.name)
    except (SyntaxError, ValueError) as error:
        found = re.findall(
            rf'^@{label}\.register\(\s*"([^"\n]+)"',
            path.read_bytes().decode(errors="replace"),
            re.M,
        )
        reason = f"{type(error).__name__}: {error}"
        return [
            Entry(name=name, module=module, path=path, origin=origin, broken=reason)
            for name in found or [path.stem]
        ]
    return [
        _entry(node, call, Entry(name="", module=module, path=path, origin=origin))
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
        for call in node.decorator_list
        if isinstance(call, ast.Call) and _is_registration(call, label)
    ]


def first_line(docstring: str | None) -> str:
    """Returns what a listing shows of a docstring."""
    return (docstring or "").strip().split("\n")[0]


def _entry(node: ast.ClassDef | ast.FunctionDef, call: ast.Call, blank: Entry) -> Entry:
    keywords = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg is not None}
    attributes, broken = {}, None
    for key, value in keywords.items():
        try:
            attributes[key] = ast.literal_eval(value)
        except ValueError:
            broken = f"'{key}' of its decorator is not a literal: {ast.unparse(value)}"
    return dataclasses.replace(
        blank,
        name=ast.literal_eval(call.args[0]),
        summary=first_line(ast.get_docstring(node)),
        attributes=attributes,
        broken=broken,
    )


def _is_registration(call: ast.Call, label: str) -> bool:
    return (
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "register"
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == label
        and len(call.args) == 1
        and isinstance(call.args[0], ast.Constant)
    )
