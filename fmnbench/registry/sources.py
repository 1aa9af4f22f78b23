"""The source files of a plug-in: its own, and those of the local modules that it imports."""

import ast
import contextlib
import hashlib
import importlib.util
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path

from fmnbench.errors import UsageError

VERSION_LENGTH = 12  # hex digits of a version
INSTALLED = ("site-packages", "dist-packages")  # folders of packages that pip keeps
NOT_LOCAL = {*sys.stdlib_module_names, "fmnbench"}


def sources(path: Path, module: str = "") -> dict[str, str]:
    """Returns the SHA-256 of a plug-in's file and of its neighbours, by their names.

    Neighbours are the local modules that the file imports, and those that they import: none of
    the standard library, of fmnbench, or of an installed package but the plug-in's own. They are
    found by reading; an import by a name that is computed is not. `module` is the file's name as
    a module, where it is one of a package. Raises UsageError for a file that cannot be read, and
    where two files of one name could be meant.
    """
    found = {path.name: _sha256(_read(path, path))}
    for name, file in sorted(_neighbours(path, module).items()):
        end = f"/{file.name}" if file.name == "__init__.py" else ".py"
        found[name.replace(".", "/") + end] = _sha256(_read(file, path))
    return found


def version_of(found: Mapping[str, str]) -> str:
    """Returns the version of a plug-in: the hash of its file, with those of its neighbours."""
    own, *others = found.values()
    if others:
        text = "\n".join(f"{name} {sha256}" for name, sha256 in found.items())
        own = _sha256(text.encode())
    return own[:VERSION_LENGTH]


def import_file(name: str, path: Path) -> None:
    """Imports a plug-in's file as a module of a name.

    Its folder comes to the end of the path, where it hides no other module.
    """
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with contextlib.chdir(Path.cwd()):  # it may go elsewhere, but not for others
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def _neighbours(plugin: Path, module: str) -> dict[str, Path]:
    """Returns the files of a plug-in's neighbours by the names of their modules."""
    is_of_package = plugin.name == "__init__.py" or "." in module
    own = module.partition(".")[0] if is_of_package else ""
    found: dict[str, Path] = {}
    waiting = [(module if own else "", plugin)]
    while waiting:
        importer, file = waiting.pop()
        for name in _imported(file, importer, plugin):
            top = name.partition(".")[0]
            if name in found or top in NOT_LOCAL:
                continue
            place = _find(name, [*sys.path, str(plugin.parent)])
            if place is not None and place != plugin and (top == own or _is_local(place)):
                _require_one(name, place, plugin)
                found[name] = place
                waiting.append((name, place))
    return found


def _require_one(name: str, place: Path, plugin: Path) -> None:
    """Raises UsageError where the plug-in's own folder has another module of a name."""
    beside = _find(name, [str(plugin.parent)])
    if beside not in (None, place):
        raise UsageError(
            f"The plug-in {plugin} imports '{name}', which may be {place} or {beside}; rename one."
        )


def _imported(file: Path, module: str, plugin: Path) -> Iterator[str]:
    """Yields the names of all modules that a file may import, packages before their parts."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    try:
        tree = ast.parse(_read(file, plugin), file.name)
    except (SyntaxError, ValueError) as error:
        raise _unreadable(file, plugin, f"{type(error).__name__}: {error}") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _prefixes(alias.name)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            above = parts[: len(parts) - node.level + 1] if node.level else []
            base = ".".join(filter(None, [*above, node.module]))
            for alias in node.names:
                yield from _prefixes(f"{base}.{alias.name}" if base else alias.name)


def _prefixes(name: str) -> Iterator[str]:
    parts = name.split(".") if name else []
    yield from (".".join(parts[: end + 1]) for end in range(len(parts)))


def _find(name: str, roots: list[str]) -> Path | None:
    """Returns the file of a module or package in the first of some folders that has it."""
    place = name.replace(".", "/")
    for root in roots:
        for file in (Path(root, place, "__init__.py"), Path(root, f"{place}.py")):
            try:
                if file.is_file():
                    return file.resolve()
            except OSError:  # a folder of the path that nobody may enter
                continue
    return None


def _is_local(file: Path) -> bool:
    """Whether a module was written for the plug-in, as far as its place says."""
    paths = sysconfig.get_paths()
    folders = {Path(paths[name]) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return not (folders & set(file.parents) or set(INSTALLED) & set(file.parts))


def _read(file: Path, plugin: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise _unreadable(file, plugin, str(error.strerror)) from None


def _unreadable(file: Path, plugin: Path, reason: str) -> UsageError:
    if file == plugin:
        return UsageError(f"The plug-in {plugin} cannot be read: {reason}.")
    return UsageError(f"The plug-in {plugin} imports {file}, which cannot be read: {reason}.")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
