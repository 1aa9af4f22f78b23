import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import fmnbench as package
from fmnbench.files import benchmark_files
from fmnbench.planning.plan import Selection, tasks
from fmnbench.registry import critics, load_plugin, metrics

BUILT_IN = {entry.name for entry in critics.entries() if entry.origin == "built-in"}
MARGIN = '''
"""A critic for tests."""

import torch

from fmnbench.critics.base import Critic
from fmnbench.registry import critics


@critics.register("margin", source="a paper")
class Margin(Critic):
    """Pushes posterior samples out of a ball."""

    def __init__(self, vae, *, radius: float = 1.0):
        super().__init__(vae)
        self.radius = radius

    def forward(self, x, z, q):
        return torch.relu(self.radius - z.norm(dim=1)).mean()
'''
SMALL = '''
from fmnbench.registry import critics

@critics.register("margin")
class Margin:
    """Nothing."""
'''


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


def started(*arguments, path, cwd):
    """Returns what became of a `fmnbench` process with `path` first on its import path."""
    done = subprocess.run(
        [sys.executable, "-m", "fmnbench", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def house(tmp_path):
    """Returns a folder with a copy of the package and its suites, to add files to."""
    top = tmp_path / "house"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(package.__file__).parent, top / "fmnbench", ignore=ignored)
    if not (top / "fmnbench" / "benchmarks").is_dir():
        (top / "benchmarks").mkdir()
        for file in benchmark_files().iterdir():
            if file.is_file():
                (top / "benchmarks" / file.name).write_bytes(file.read_bytes())
    return top


@pytest.fixture
def distribution(tmp_path):
    """Returns a function that installs a distribution of one module with one entry point."""

    def install(text, name="margin", module="margin_of_someone"):
        top = tmp_path / module
        info = top / f"{module}-1.0.dist-info"
        info.mkdir(parents=True)
        info.joinpath("METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n"
        )
        info.joinpath("entry_points.txt").write_text(
            f"[fmnbench.critics]\n{name} = {module}:Margin\n"
        )
        top.joinpath(f"{module}.py").write_text(text)
        return top

    return install


@pytest.fixture
def file_in_the_package(house, tmp_path):
    (house / "fmnbench" / "critics" / "margin.py").write_text(MARGIN)
    return lambda *arguments: started(*arguments, path=[house], cwd=tmp_path)


@pytest.fixture
def entry_point(distribution, tmp_path):
    path = [Path(package.__file__).parents[1], distribution(MARGIN)]
    return lambda *arguments: started(*arguments, path=path, cwd=tmp_path)


@pytest.fixture
def plug_in_file(tmp_path, monkeypatch, fmnbench, registers):
    (tmp_path / "my_critic.py").write_text(MARGIN)
    monkeypatch.chdir(tmp_path)

    def command(verb, *arguments):
        more = [] if verb == "report" else ["--plugin", "my_critic.py"]
        return fmnbench(verb, *arguments, *more)

    return command


@pytest.mark.parametrize(
    ("way", "origin"),
    [
        ("file_in_the_package", "built-in"),
        ("entry_point", "entry point of margin_of_someone"),
        ("plug_in_file", "plug-in my_critic.py"),
    ],
)
def test_a_critic_added_as_one_file_is_listed_run_and_reported(way, origin, tmp_path, request):
    start = request.getfixturevalue(way)

    def command(*arguments):
        done = start(*arguments)
        assert (done.code, done.err) == (0, "")
        return done.out

    listed = json.loads(command("list", "critics", "--json"))
    assert [entry["name"] for entry in listed] == sorted(BUILT_IN | {"margin"})
    assert {
        "name": "margin",
        "summary": "Pushes posterior samples out of a ball.",
        "source": "a paper",
        "settings": {"radius": "1.0"},
        "ranges": {"lambda": {"low": 0.1, "high": 100.0, "log": True}},
        "origin": origin,
        "broken": None,
    } in listed
    tasks = " ".join(command("list", "tasks").split())
    methods = tasks.partition("digits-mlp digits + mlp ")[2].partition("toy-linear")[0]
    assert "margin λ=1," in methods
    chosen = ["--suite", "quick", "--dataset", "digits", "--critic", "margin", "--lambda", "0.5"]
    settings = ["--epochs", "1", "--set", "radius=3", "--store", "records"]
    command("run", *chosen, *settings)
    (file,) = (tmp_path / "records" / "digits-mlp+epochs=1").glob("*.json")
    record = json.loads(file.read_text())
    assert (record["spec"]["critic_settings"], record["status"]) == ({"radius": 3.0}, "done")
    assert record["curve"][0]["critic"] > 0
    report = command("report", "--store", "records")
    assert f"records/digits-mlp+epochs=1/{file.name}" in report
    assert "| margin λ=0.5" in report


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("import nothing_of_this_name\n" + MARGIN, "does not run: ModuleNotFoundError: No module"),
        ("import sys\nsys.exit(3)\n" + MARGIN, "does not run: SystemExit: 3"),
        (MARGIN.replace("class Margin(Critic):", "class Margin("), "does not run: SyntaxError: "),
        (MARGIN.replace('"margin"', '"self"'), "names a critic 'self', as built-in does"),
        (MARGIN.replace("@critics", "# @critics"), "registers nothing; a component has a decorat"),
        (
            MARGIN.replace('"a paper"', "PAPER"),
            "'source' of its decorator is not a literal: PAPER",
        ),
        (
            MARGIN + MARGIN.partition("Critic\n")[2].replace("class Margin", "class Other"),
            "names 2 critics 'margin'; choose another name for each but one.",
        ),
        (
            MARGIN + '\nfor name in ("wide",):\n    critics.register(name)(Margin)\n',
            "registers the critic 'wide' in a way that reading it does not show; write a "
            'decorator @critics.register("wide") at its top level.',
        ),
    ],
)
@pytest.mark.parametrize("verb", ["list", "run"])
def test_a_bad_plug_in_file_is_named_in_one_line(
    verb, text, complaint, tmp_path, fmnbench, registers
):
    path = tmp_path / "my_critic.py"
    path.write_text(text)
    more = ["--suite", "quick", "--store", tmp_path / "records"] if verb == "run" else []
    done = fmnbench(verb, "--plugin", path, *more)
    assert done.code == 2
    assert done.complaint.startswith("error: ")
    assert str(path) in done.complaint
    assert complaint in done.complaint
    assert done.out == ""
    assert fmnbench("list", "critics").out.count("margin") == 0


def test_a_missing_plug_in_file_is_named_in_one_line(fmnbench):
    done = fmnbench("list", "--plugin", "nowhere.py")
    assert (done.code, done.complaint) == (2, "error: There is no plug-in file 'nowhere.py'.")


@pytest.mark.parametrize(
    ("text", "name", "listed", "reason"),
    [
        ("raise RuntimeError('no GPU')", "margin", "margin", "RuntimeError: no GPU"),
        ("Other = 1", "margin", "margin", "AttributeError: module "),
        (SMALL, "self", "self (margin_of_someone)", "Two critics are named 'self'"),
        (SMALL.replace('"margin"', '"none"'), "margin", "margin", "Two critics are named 'none'"),
    ],
    ids=["raises", "no such class", "built-in's name", "built-in's name inside"],
)
def test_a_broken_entry_point_is_shown_as_broken_and_stops_nothing_else(
    text, name, listed, reason, distribution, tmp_path
):
    path = [Path(package.__file__).parents[1], distribution(text, name)]
    done = started("list", "critics", "--json", path=path, cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    entries = {entry["name"]: entry for entry in json.loads(done.out)}
    assert set(entries) == BUILT_IN | {listed}
    assert reason in entries[listed]["broken"]
    assert {entries[key]["broken"] for key in BUILT_IN} == {None}
    shown = started("list", "critics", path=path, cwd=tmp_path).out
    assert f"BROKEN: {reason}"[:18] in shown
    planned = started("list", "tasks", path=path, cwd=tmp_path)
    rows = sum(row.critic == "self" for row in tasks(Selection()))
    assert (planned.code, planned.out.count(" self ")) == (0, rows)


def test_a_file_of_the_package_that_is_not_python_is_broken_and_stops_nothing_else(
    house, tmp_path
):
    broken = house / "fmnbench" / "critics" / "self_critic.py"
    broken.write_text(broken.read_text() + "\nclass (:\n")
    late = house / "fmnbench" / "critics" / "neural.py"
    late.write_text("import nothing_of_this_name\n" + late.read_text())
    listed = started("list", "critics", path=[house], cwd=tmp_path)
    assert (listed.code, listed.err) == (0, "")
    assert "BROKEN: SyntaxError: invalid syntax (self_critic.py" in listed.out
    arguments = [
        "--dataset",
        "digits",
        "--epochs",
        "1",
        "--objective",
        "elbo",
        "--store",
        "records",
    ]
    chosen = ["--critic", "none", "--critic", "self", "--critic", "neural"]
    done = started("run", *arguments, *chosen, path=[house], cwd=tmp_path)
    assert done.code == 1
    lines = done.err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(
        "left out: The critic 'self' is broken: SyntaxError: invalid syntax"
    )
    assert lines[1].startswith("left out: The critic 'neural' is broken: ModuleNotFoundError: No ")
    assert "1 of 1 run done" in done.out


def test_a_plug_in_that_changes_the_folder_when_it_is_imported_leaves_it_as_it_was(
    tmp_path, registers, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "wandering.py"
    path.write_text(
        "import os\nfrom fmnbench.registry import metrics\nos.chdir('/')\n\n"
        "@metrics.register('wandering')\ndef wandering(evaluation):\n    return 1.0\n"
    )
    load_plugin(path)
    assert "wandering" in metrics.names()
    assert Path.cwd() == tmp_path
