"""What a component's file declares, read from its source text without running it."""

import ast
import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from fmnbench.errors import UsageError
from fmnbench.registry.ranges import LAMBDA, Range
from fmnbench.spec import Setting

BUILT_IN = "built-in"
Attribute = Setting | Mapping[int, tuple[str, ...]]  # the latter of `moved`


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """One registered component, as far as it is known without importing it.

    `attributes` are the literal keywords of its decorator (source, unit, better, version...).
    `ranges` are those of settings in the class's own constructor, `settings` these with their
    defaults as they are written; `class_name` and `bases` lead to an inherited one. `broken` says
    why it cannot be used, if it cannot.
    """

    name: str
    summary: str = ""
    attributes: Mapping[str, Attribute] = dataclasses.field(default_factory=dict)
    module: str
    path: Path | None = None
    origin: str = BUILT_IN
    broken: str | None = None
    ranges: Mapping[str, Range] | None = None
    settings: Mapping[str, str] | None = None
    class_name: str = ""
    bases: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """Where the method was published, as its author wrote it."""
        return str(self.attributes.get("source", ""))

    @property
    def lambda_range(self) -> Range | None:
        """Where the λ of a critic is searched, in equal ratios; None for one without λ.

        Its decorator may state `lambda_range=(low, high)` or None. Raises UsageError for others.
        """
        given = self.attributes.get("lambda_range", (LAMBDA.low, LAMBDA.high))
        if given is None:
            return None
        if not isinstance(given, tuple) or len(given) != 2:
            raise UsageError(f"lambda_range is {given!r}; it must be (low, high) or None")
        return Range(float(given[0]), float(given[1]), log=True)


def declarations(path: Path, labels: Sequence[str], module: str, origin: str) -> list[Entry]:
    """Returns the components that a file's decorators `@<label>.register("name")` declare.

    Of a file that is not Python, those that its text names, or else one with the file's name;
    they are broken.
    """
    try:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text, path.name)
    except (SyntaxError, ValueError) as error:
        found = re.findall(
            rf'^@(?:{"|".join(labels)})\.register\(\s*"([^"\n]+)"',
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
        if isinstance(call, ast.Call) and _is_registration(call, labels)
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
    entry = dataclasses.replace(
        blank,
        name=ast.literal_eval(call.args[0]),
        summary=first_line(ast.get_docstring(node)),
        attributes=attributes,
        broken=broken,
        class_name=node.name,
        bases=tuple(map(ast.unparse, node.bases)) if isinstance(node, ast.ClassDef) else (),
        ranges=_ranges(node),
        settings=_defaults(node),
    )
    try:
        _ = entry.lambda_range
    except (UsageError, ValueError) as error:
        entry = dataclasses.replace(entry, broken=str(error))
    return entry


def _ranges(node: ast.ClassDef | ast.FunctionDef) -> dict[str, Range] | None:
    """Returns the search ranges of settings by name; None for a class without a constructor."""
    maker = _maker(node)
    if maker is None:
        return None
    found = {each.arg: _range(each.annotation) for each in maker.args.kwonlyargs}
    return {name: span for name, span in found.items() if span is not None}


def _defaults(node: ast.ClassDef | ast.FunctionDef) -> dict[str, str] | None:
    """Returns the defaults of settings as they are written; None as above."""
    maker = _maker(node)
    if maker is None:
        return None
    pairs = zip(maker.args.kwonlyargs, maker.args.kw_defaults, strict=True)
    return {each.arg: ast.unparse(value) for each, value in pairs if value is not None}


def _maker(node: ast.ClassDef | ast.FunctionDef) -> ast.FunctionDef | None:
    """Returns the function whose keyword-only arguments are the settings, if there is one."""
    body = node.body if isinstance(node, ast.ClassDef) else [node]
    makers = [each for each in body if isinstance(each, ast.FunctionDef)]
    if isinstance(node, ast.ClassDef):
        makers = [each for each in makers if each.name == "__init__"]
    return makers[0] if makers else None


def _range(annotation: ast.expr | None) -> Range | None:
    """Returns the literal `Range(...)` in an annotation; None where there is none."""
    for node in ast.walk(annotation) if annotation is not None else ():
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "Range":
            try:
                given = [ast.literal_eval(value) for value in node.args]
                named = {str(each.arg): ast.literal_eval(each.value) for each in node.keywords}
                return Range(*given, **named)
            except (ValueError, TypeError, UsageError):
                return None  # the import of the file says what is wrong
    return None


def _is_registration(call: ast.Call, labels: Sequence[str]) -> bool:
    return (
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "register"
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id in labels
        and len(call.args) == 1
        and isinstance(call.args[0], ast.Constant)
    )
