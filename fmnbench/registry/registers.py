"""The registers of components: found by reading their files, imported only when used.

A component is one file with `@critics.register("margin")`. Files of this package are listed from
their source text, so that `fmnbench list` and tab completion never wait for torch.
"""

import dataclasses
import hashlib
import importlib
import importlib.metadata
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fmnbench.errors import ComponentError, UsageError, text_of, unknown
from fmnbench.registry import settings
from fmnbench.registry.declarations import BUILT_IN, Attribute, Entry, declarations, first_line
from fmnbench.registry.ranges import Range
from fmnbench.registry.sources import import_file, sources, version_of
from fmnbench.spec import Setting, Settings

if TYPE_CHECKING:  # a listing does not wait for torch
    from fmnbench.architectures.base import VAE
    from fmnbench.critics.base import Critic
    from fmnbench.datasets.base import Dataset
    from fmnbench.remedies.base import Remedy

Component = TypeVar("Component", bound=Callable[..., object])
Made = TypeVar("Made")


class Registry(Generic[Made]):
    """The register of one kind of component: classes or functions that return a `Made`.

    `label` is its variable's name and the entry-point group's last part, `kind` the singular;
    `formerly` is a label that plug-ins may still use.
    """

    def __init__(self, label: str, kind: str, *, formerly: str | None = None) -> None:
        self.label = label
        self.kind = kind
        self.labels = (label, formerly) if formerly else (label,)
        self._entries: dict[str, Entry] = {}
        self._objects: dict[str, Callable[..., Any]] = {}
        self._is_listed = False  # the package's own folder has been read
        self._points: dict[str, importlib.metadata.EntryPoint] = {}  # not imported yet

    def __repr__(self) -> str:
        return f"Registry({self.label!r})"

    def register(self, name: str, **attributes: Attribute) -> Callable[[Component], Component]:
        """Returns a decorator that registers a class or function under a name.

        Keywords describe it: `source` (a citation), `version` (raise it when its numbers move),
        and of a metric `moved`: by version the kinds of data whose numbers it moved, unless all.
        """

        def add(component: Component) -> Component:
            module = component.__module__
            self._require_free(name, module)
            self._objects[name] = component
            if name not in self._entries:
                self._entries[name] = Entry(
                    name=name,
                    summary=first_line(component.__doc__),
                    attributes=attributes,
                    module=module,
                    path=_source_path(module),
                    origin=module,
                )
            return component

        return add

    def entries(self) -> list[Entry]:
        """Returns all entries, sorted by name; broken ones say why they are."""
        self._import_installed()
        return [self._entries[name] for name in sorted(self._entries)]

    def names(self) -> list[str]:
        """Returns the names of all entries that are not known to be broken."""
        return [entry.name for entry in self.entries() if entry.broken is None]

    def built_in_first(self) -> Iterator[str]:
        """Yields `names`, those of this package before any plug-in is imported."""
        self._list()
        entries = sorted(self._entries.items())
        built_in = [name for name, each in entries if each.origin == BUILT_IN and not each.broken]
        yield from built_in
        yield from (name for name in self.names() if name not in built_in)

    def entry(self, name: str) -> Entry:
        """Returns one entry; an unknown name is a UsageError with the nearest guess.

        No plug-in is imported but an installed one of this name, or all of them if none has it.
        """
        self._list()
        if name not in self._entries and name in self._points:
            self._add_entry_point(self._points.pop(name))
        if name not in self._entries:
            self._import_installed()
        if name not in self._entries:
            raise unknown(self.kind, name, self._entries)
        return self._entries[name]

    def get(self, name: str) -> Callable[..., Made]:
        """Returns the component itself, importing its file; a broken one is a ComponentError."""
        entry = self.entry(name)
        if entry.broken is None and name not in self._objects:
            entry = self.imported(entry)
        if entry.broken is not None:
            raise ComponentError(f"The {self.kind} '{name}' is broken: {entry.broken}")
        return self._objects[name]

    def version(self, name: str) -> str:
        """Returns what a key holds of the component's code.

        A component of this package states its version; of an outsider's file it is the hash, with
        those of the local modules that it imports, so that no record outlives an edit unnoticed.
        Raises UsageError where one of these files cannot be read.
        """
        found = self.sources(name)
        return version_of(found) if found else str(self.entry(name).attributes.get("version", 1))

    def sources(self, name: str) -> dict[str, str]:
        """Returns the SHA-256 of the files of an outsider's component; none of a built-in one."""
        entry = self.entry(name)
        if entry.origin == BUILT_IN or entry.path is None:
            return {}
        return sources(entry.path, entry.module)

    def settings(self, name: str) -> dict[str, Setting]:
        """Returns the component's settings with their defaults: its keyword-only arguments."""
        return settings.defaults(self.get(name), f"{self.kind} '{name}'")

    def ranges(self, name: str) -> dict[str, Range]:
        """Returns the search ranges of the component's settings, by name.

        They are read from the source text as long as nothing has imported it.
        """
        if name in self._objects:
            return settings.ranges(self._objects[name])
        entry = self._constructed(name)
        return {} if entry is None else dict(entry.ranges or {})

    def written_settings(self, name: str) -> dict[str, str]:
        """Returns the settings with their defaults as the source text has them.

        Where nobody has read it, as of an installed plug-in, they are those of the imported one.
        """
        entry = self._constructed(name)
        if entry is None and name in self._objects:
            return {key: repr(value) for key, value in self.settings(name).items()}
        return {} if entry is None else dict(entry.settings or {})

    def _constructed(self, name: str) -> Entry | None:
        """Returns the entry whose class has the constructor of a component, if it declares one."""
        entry: Entry | None = self.entry(name)
        while entry is not None and entry.ranges is None:  # the constructor is inherited
            bases = entry.bases
            entry = next((each for each in self.entries() if each.class_name in bases), None)
        return entry

    def fill(self, name: str, given: Settings) -> dict[str, Setting]:
        """Returns all settings of a component, those given in place of their defaults.

        An unknown setting or a value of the wrong type is a UsageError.
        """
        return settings.filled(self.get(name), given, f"{self.kind} '{name}'")

    def identity(self, name: str, given: Settings) -> dict[str, Setting]:
        """The settings that stand in keys and records: `fill` without later ones at default.

        Errors as `fill`.
        """
        return settings.without_later_defaults(self.get(name), self.fill(name, given))

    def declared(self, path: Path) -> list[Entry]:
        """Returns the components of this kind that a plug-in's file declares, by reading it.

        A name that is taken, or that two of them have, is a UsageError.
        """
        self._list()
        place = hashlib.sha256(os.fsencode(path)).hexdigest()[:8]
        module = f"fmnbench_plugin_{path.stem}_{place}"
        found = declarations(path, self.labels, module, f"plug-in {path.name}")
        for name, times in Counter(entry.name for entry in found).items():
            if times > 1:
                raise UsageError(
                    f"The plug-in {path} names {times} {self.label} '{name}'; choose another name "
                    "for each but one."
                )
        for entry in found:
            holder = self._entries.get(entry.name, entry)
            if holder.path != entry.path:
                raise UsageError(
                    f"The plug-in {path} names a {self.kind} '{entry.name}', as {holder.origin} "
                    "does; choose another name."
                )
        return found

    def put(self, entry: Entry) -> None:
        """Adds an entry, or takes the place of the one of its name."""
        self._entries[entry.name] = entry

    def drop(self, entry: Entry) -> None:
        """Takes an entry out."""
        del self._entries[entry.name]

    def imported(self, entry: Entry) -> Entry:
        """Imports an entry's file; returns the entry, marked as broken if that failed."""
        try:
            if entry.origin == BUILT_IN:
                importlib.import_module(entry.module)
            elif entry.module not in sys.modules:
                assert entry.path is not None
                import_file(entry.module, entry.path)
        except (Exception, SystemExit) as error:  # noqa: BLE001, RUF100 - a file may raise anything
            entry = dataclasses.replace(entry, broken=_reason(error))
            self._entries[entry.name] = entry
        return entry

    def _list(self) -> None:
        """Reads this package's own components, and the names of installed ones."""
        if self._is_listed:
            return
        self._is_listed = True
        folder = Path(__file__).parents[1] / self.label
        for path in sorted(folder.glob("*.py")):
            module = f"fmnbench.{self.label}.{path.stem}"
            for entry in declarations(path, self.labels, module, BUILT_IN):
                self._require_free(entry.name, module)
                self._entries[entry.name] = entry
        self._points = {
            point.name: point
            for label in self.labels
            for point in importlib.metadata.entry_points(group=f"fmnbench.{label}")
        }

    def _import_installed(self) -> None:
        """Imports all installed plug-ins of this kind that are not imported yet."""
        self._list()
        while self._points:
            self._add_entry_point(self._points.pop(next(iter(self._points))))

    def _require_free(self, name: str, module: str) -> None:
        holders = {self._objects[name].__module__} if name in self._objects else set()
        if name in self._entries:
            holders.add(self._entries[name].module)
        for holder in holders - {module}:
            raise UsageError(f"Two {self.label} are named '{name}': {holder} and {module}.")

    def _add_entry_point(self, point: importlib.metadata.EntryPoint) -> None:
        """Imports an installed plug-in; one that fails is kept, marked as broken."""
        origin = f"entry point of {point.dist.name if point.dist else point.module}"
        holder = self._entries.get(point.name)
        try:
            if holder is not None:
                self._require_free(point.name, point.module)
            self.register(point.name)(point.load())
        except (Exception, SystemExit) as error:  # noqa: BLE001, RUF100 - a plug-in may raise anything
            name = point.name if holder is None else f"{point.name} ({point.module})"
            broken = _reason(error)
            self._entries[name] = Entry(
                name=name, module=point.module, origin=origin, broken=broken
            )
            return
        self._entries[point.name] = dataclasses.replace(self._entries[point.name], origin=origin)


def _reason(error: BaseException) -> str:
    text = text_of(error)
    return text if isinstance(error, UsageError) else f"{type(error).__name__}: {text}"


def _source_path(module: str) -> Path | None:
    file = getattr(sys.modules.get(module), "__file__", None)
    return Path(file) if file else None


datasets: Registry["Dataset"] = Registry("datasets", "dataset")
architectures: Registry["VAE"] = Registry("architectures", "architecture")
critics: Registry["Critic"] = Registry("critics", "critic")
remedies: Registry["Remedy"] = Registry("remedies", "remedy", formerly="objectives")
objectives = remedies  # the name by which older plug-ins register them
metrics: Registry[float] = Registry("metrics", "metric")  # functions of an Evaluation
REGISTRIES: dict[str, Registry[Any]] = {
    each.label: each for each in (datasets, architectures, critics, remedies, metrics)
}
