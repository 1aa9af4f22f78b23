"""Plug-in files: all that one declares, in every register."""

import contextlib
import sys
from pathlib import Path
from typing import Any

from fmnbench.errors import UsageError
from fmnbench.registry.declarations import Entry
from fmnbench.registry.registers import REGISTRIES, Registry
from fmnbench.registry.sources import sources

Declared = list[tuple[Registry[Any], Entry]]


def declare_plugin(path: Path) -> Declared:
    """Registers what a file declares, by reading it; it is imported when a component is used.

    A name that is taken is a UsageError, and nothing is registered then.
    """
    found = [
        (registry, entry) for registry in REGISTRIES.values() for entry in registry.declared(path)
    ]
    for registry, entry in found:
        registry.put(entry)
    return found


def load_plugin(path: Path) -> None:
    """Registers all components that a Python file declares, and imports it.

    A file that is missing, does not run or declares none is a UsageError. So is one that registers
    what reading it does not show, since a worker would not find it, and one that imports a local
    module that cannot be read.
    """
    if not path.is_file():
        raise UsageError(f"There is no plug-in file '{path}'.")
    known = {
        (registry, each.name) for registry in REGISTRIES.values() for each in registry.entries()
    }
    found = declare_plugin(path.resolve())
    if not found:
        example = '@critics.register("name")'
        raise UsageError(f"{path} registers nothing; a component has a decorator {example}.")
    try:
        with contextlib.chdir(Path.cwd()):  # other paths mean the same after the import
            _require_running(found, path.resolve())
    except UsageError:
        for registry in REGISTRIES.values():
            for entry in registry.entries():
                if (registry, entry.name) not in known:
                    registry.drop(entry)
        sys.modules.pop(found[0][1].module, None)
        raise


def _require_running(found: Declared, path: Path) -> None:
    for registry, entry in found:
        broken = entry.broken or registry.imported(entry).broken
        if broken is not None:
            raise UsageError(f"The plug-in {path} does not run: {broken}")
    _require_shown(found, path)
    sources(path)  # UsageError


def _require_shown(found: Declared, path: Path) -> None:
    """Raises UsageError where the import of a file has registered more than it declares."""
    shown = {(registry, entry.name) for registry, entry in found}
    module = found[0][1].module
    for registry in REGISTRIES.values():
        for entry in registry.entries():
            if entry.module == module and (registry, entry.name) not in shown:
                raise UsageError(
                    f"The plug-in {path} registers the {registry.kind} '{entry.name}' in a way "
                    "that reading it does not show; write a decorator "
                    f'@{registry.label}.register("{entry.name}") at its top level.'
                )
