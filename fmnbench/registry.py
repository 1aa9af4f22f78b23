"""The registers of components: found by reading their files, imported only when used.

A component is one file with `@critics.register("margin")`. Files of this package are listed from
their source text, so that `fmnbench list` and tab completion never wait for torch.
"""

import ast
import dataclasses
import hashlib
import importlib
import importlib.metadata
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar, cast, get_type_hints

from fmnbench.errors import UsageError, unknown
from fmnbench.spec import Setting, Settings

Component = TypeVar("Component", bound=Callable[..., object])
BUILT_IN = "built-in"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """One registered component, as far as it is known without importing it.

    `attributes` are the literal keywords of its decorator (source, unit, better, version...).
    `broken` says why it cannot be used, if it cannot.
    """

    name: str
    summary: str
    attributes: Mapping[str, Setting] = dataclasses.field(default_factory=dict)
    module: str
    path: Path | None = None
    origin: str = BUILT_IN
    broken: str | None = None

    @property
    def source(self) -> str:
        """Where the method was published, as its author wrote it."""
        return str(self.attributes.get("source", ""))


class Registry:
    """The register of one kind of component.

    `label` is its variable's name and the entry-point group's last part, `kind` the singular.
    """

    def __init__(self, label: str, kind: str) -> None:
        self.label = label
        self.kind = kind
        self._entries: dict[str, Entry] = {}
        self._objects: dict[str, Callable[..., object]] = {}
        self._scanned = False

    def __repr__(self) -> str:
        return f"Registry({self.label!r})"

    def register(self, name: str, **attributes: Setting) -> Callable[[Component], Component]:
        """Returns a decorator that registers a class or function under a name.

        Keywords describe it: `source` (a citation), `version` (raise it when its numbers move).
        """

        def add(component: Component) -> Component:
            module = component.__module__
            holder = self._objects.get(name)
            if holder is not None and holder.__module__ != module:
                raise UsageError(
                    f"Two {self.label} are named '{name}': {holder.__module__} and {module}."
                )
            self._objects[name] = component
            if name not in self._entries:
                self._entries[name] = Entry(
                    name=name,
                    summary=_first_line(component.__doc__),
                    attributes=attributes,
                    module=module,
                    path=_source_path(module),
                    origin=module,
                )
            return component

        return add

    def entries(self) -> list[Entry]:
        """Returns all entries, sorted by name; broken ones say why they are."""
        self._scan()
        return [self._entries[name] for name in sorted(self._entries)]

    def names(self) -> list[str]:
        """Returns the names of all entries that are not known to be broken."""
        return [entry.name for entry in self.entries() if entry.broken is None]

    def entry(self, name: str) -> Entry:
        """Returns one entry; an unknown name is a UsageError with the nearest guess."""
        self._scan()
        if name not in self._entries:
            raise unknown(self.kind, name, self._entries)
        return self._entries[name]

    def get(self, name: str) -> Callable[..., object]:
        """Returns the component itself, importing its file; a broken one is a UsageError."""
        entry = self.entry(name)
        if entry.broken is None and name not in self._objects:
            entry = self._import(entry)
        if entry.broken is not None:
            raise UsageError(f"The {self.kind} '{name}' is broken: {entry.broken}")
        return self._objects[name]

    def version(self, name: str) -> str:
        """Returns what a key holds of the component's code.

        A component of this package states its version; of an outsider's file it is the hash,
        so that no record outlives an edit unnoticed.
        """
        entry = self.entry(name)
        if entry.origin != BUILT_IN and entry.path is not None:
            return hashlib.sha256(entry.path.read_bytes()).hexdigest()[:12]
        return str(entry.attributes.get("version", 1))

    def settings(self, name: str) -> dict[str, Setting]:
        """Returns the component's settings with their defaults: its keyword-only arguments."""
        return {
            parameter.name: cast(Setting, parameter.default)
            for parameter in inspect.signature(self.get(name)).parameters.values()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        }

    def fill(self, name: str, given: Settings) -> dict[str, Setting]:
        """Returns all settings of a component, those given in place of their defaults.

        An unknown setting or a value of the wrong type is a UsageError.
        """
        settings = self.settings(name)
        hints = _hints(self.get(name))
        for key, value in given.items():
            if key not in settings:
                raise unknown(f"setting of {self.kind} '{name}'", key, settings)
            settings[key] = _coerced(value, hints[key], f"{key} of {self.kind} '{name}'")
        return settings

    def load_file(self, path: Path) -> int:
        """Imports the components of this kind that a file declares; returns how many."""
        found = self._read(path, f"fmnbench_plugin_{path.stem}", f"plug-in {path.name}")
        for entry in found:
            if entry.name in self._entries and self._entries[entry.name].path != entry.path:
                raise UsageError(f"{path}: a {self.kind} named '{entry.name}' exists already.")
            self._entries[entry.name] = entry
            self._import(entry)
        return len(found)

    def _scan(self) -> None:
        if self._scanned:
            return
        self._scanned = True
        folder = Path(__file__).parent / self.label
        for path in sorted(folder.glob("*.py")):
            for entry in self._read(path, f"fmnbench.{self.label}.{path.stem}", BUILT_IN):
                self._entries[entry.name] = entry
        for point in importlib.metadata.entry_points(group=f"fmnbench.{self.label}"):
            self._add_entry_point(point)

    def _add_entry_point(self, point: importlib.metadata.EntryPoint) -> None:
        """Imports an installed plug-in; one that fails is kept, marked as broken."""
        origin = f"entry point of {point.dist.name if point.dist else point.module}"
        if point.name in self._entries and self._entries[point.name].origin == BUILT_IN:
            broken = f"{origin}: the name '{point.name}' is taken by a built-in {self.kind}"
            name = f"{point.name} ({point.module})"
            self._entries[name] = Entry(
                name=name, summary="", module=point.module, origin=origin, broken=broken
            )
            return
        try:
            component = point.load()
        except Exception as error:  # noqa: BLE001, RUF100 - a plug-in may raise anything at import
            self._entries[point.name] = Entry(
                name=point.name,
                summary="",
                module=point.module,
                origin=origin,
                broken=f"{type(error).__name__}: {error}",
            )
            return
        self.register(point.name)(component)
        self._entries[point.name] = dataclasses.replace(self._entries[point.name], origin=origin)

    def _read(self, path: Path, module: str, origin: str) -> list[Entry]:
        """Returns the entries that a file's decorators declare, without running it."""
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError) as error:
            return [
                Entry(
                    name=path.stem,
                    summary="",
                    module=module,
                    path=path,
                    origin=origin,
                    broken=f"{type(error).__name__}: {error}",
                )
            ]
        entries = []
        for node in tree.body:
            if not isinstance(node, ast.ClassDef | ast.FunctionDef):
                continue
            for call in node.decorator_list:
                if not self._is_registration(call):
                    continue
                assert isinstance(call, ast.Call)
                attributes = {
                    keyword.arg: ast.literal_eval(keyword.value)
                    for keyword in call.keywords
                    if keyword.arg is not None
                }
                entries.append(
                    Entry(
                        name=ast.literal_eval(call.args[0]),
                        summary=_first_line(ast.get_docstring(node)),
                        attributes=attributes,
                        module=module,
                        path=path,
                        origin=origin,
                    )
                )
        return entries

    def _is_registration(self, call: ast.expr) -> bool:
        return (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and call.func.attr == "register"
            and isinstance(call.func.value, ast.Name)
            and call.func.value.id == self.label
            and len(call.args) == 1
            and isinstance(call.args[0], ast.Constant)
        )

    def _import(self, entry: Entry) -> Entry:
        """Imports an entry's file; returns the entry, marked as broken if that failed."""
        try:
            if entry.origin == BUILT_IN:
                importlib.import_module(entry.module)
            elif entry.module not in sys.modules:
                assert entry.path is not None
                _import_file(entry.module, entry.path)
        except Exception as error:  # noqa: BLE001, RUF100 - a component's file may raise anything
            entry = dataclasses.replace(entry, broken=f"{type(error).__name__}: {error}")
            self._entries[entry.name] = entry
        return entry


def _import_file(name: str, path: Path) -> None:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def _first_line(docstring: str | None) -> str:
    return (docstring or "").strip().split("\n")[0]


def _source_path(module: str) -> Path | None:
    file = getattr(sys.modules.get(module), "__file__", None)
    return Path(file) if file else None


def _hints(component: Callable[..., object]) -> dict[str, object]:
    function = component.__init__ if inspect.isclass(component) else component
    return get_type_hints(function)


def _coerced(value: object, hint: object, what: str) -> Setting:
    """Returns a value as its annotation wants it: 20 becomes 20.0 where a float is meant."""
    import pydantic

    try:
        return cast(Setting, pydantic.TypeAdapter(hint).validate_python(value))
    except pydantic.ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise UsageError(f"{what} is {value!r}: {reason}.") from None


datasets = Registry("datasets", "dataset")
architectures = Registry("architectures", "architecture")
critics = Registry("critics", "critic")
objectives = Registry("objectives", "objective")
metrics = Registry("metrics", "metric")
REGISTRIES = {
    registry.label: registry for registry in (datasets, architectures, critics, objectives, metrics)
}


def load_plugin(path: Path) -> None:
    """Registers all components that a Python file declares.

    A file that is missing, does not run or declares none is a UsageError.
    """
    if not path.is_file():
        raise UsageError(f"There is no plug-in file '{path}'.")
    found = sum(registry.load_file(path.resolve()) for registry in REGISTRIES.values())
    if found == 0:
        example = '@critics.register("name")'
        raise UsageError(f"{path} registers nothing; a component has a decorator {example}.")
