"""What users install: dependencies, the wheel, the source archive and the citation."""

import ast
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections import deque
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SOURCES = ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "Makefile")


def requirements(*extras):
    lines = [*PROJECT["dependencies"]]
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


def imported():
    """The top-level names that the package imports, anywhere in its files."""
    names = set()
    for path in (ROOT / "fmnbench").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - {"fmnbench"}


def test_each_dependency_is_imported_and_each_import_is_a_dependency():
    distributions = metadata.packages_distributions()
    used = {canonicalize_name(distributions[name][0]) for name in imported()}
    assert used == {canonicalize_name(each.name) for each in requirements()}


def test_constraints_pin_what_an_installation_with_development_tools_has():
    pins = {
        canonicalize_name(line.partition("==")[0])
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
    }
    needed, of_torch = set(), set()
    waiting = deque((each, False) for each in requirements("dev"))
    while waiting:
        requirement, below_torch = waiting.popleft()
        name = canonicalize_name(requirement.name)
        seen = of_torch if below_torch else needed
        if name in seen and not requirement.extras:
            continue
        seen.add(name)
        try:
            lines = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            pytest.skip(f"{name} is not installed")
        for below in map(Requirement, lines):
            extras = {"", *requirement.extras}
            if below.marker is None or any(below.marker.evaluate({"extra": e}) for e in extras):
                waiting.append((below, below_torch or name == "torch"))
    assert pins <= needed | of_torch
    assert needed <= pins, "torch's own libraries differ from build to build; all else is pinned"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of a wheel and a source archive, built from a tree with a suite more."""
    pytest.importorskip("hatchling")
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("dist")
    for name in PROJECT["license-files"] + [*SOURCES, "constraints.txt", "CHANGELOG.md"]:
        shutil.copy(ROOT / name, tree)
    for name in ("fmnbench", "benchmarks", "leaderboards"):
        shutil.copytree(
            ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", "results")
        )
    (tree / "benchmarks" / "added.toml").write_text('title = "A suite more"\n')
    for folder in (tree / "benchmarks", tree / "benchmarks" / "speed"):
        (folder / "__pycache__").mkdir()
        (folder / "__pycache__" / "left.pyc").touch()
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(out)]
    subprocess.run(command, cwd=tree, check=True, capture_output=True)
    return out


def test_a_wheel_has_each_suite_without_naming_it(built):
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    suites = {Path(n).name for n in names if re.fullmatch(r"fmnbench/benchmarks/[^/]+\.toml", n)}
    assert suites == {path.name for path in (ROOT / "benchmarks").glob("*.toml")} | {"added.toml"}
    assert "fmnbench/py.typed" in names
    assert "fmnbench/benchmarks/published.csv" in names
    assert not [name for name in names if "speed" in name or "__pycache__" in name]


def test_a_source_archive_has_what_builds_and_tests_it_and_no_leaderboard(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {*SOURCES, "constraints.txt", "fmnbench/py.typed", "benchmarks/added.toml"} <= names
    assert not [name for name in names if name.startswith("leaderboards") or "pycache" in name]


def test_the_citation_names_this_version_and_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    authors = [author["family-names"] for author in citation["references"][0]["authors"]]
    assert authors == ["Menon", "Blei", "Vondrick"]
