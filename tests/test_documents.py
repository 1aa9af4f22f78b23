"""What the documents show: code that runs, commands that parse, lines that fit a terminal."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer
import yaml

from fmnbench.cli.main import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob(".github/**/*.md")])


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


COMMANDS = [
    shlex.split(line, comments=True)[1:]
    for block in blocks("sh")
    for line in block.splitlines()
    if line.startswith("fmnbench ")
]


def parse(words):
    """Parses the words of a command down to its options, and carries nothing out."""
    command, words = typer.main.get_command(app), list(words)
    words = words[: words.index(">")] if ">" in words else words
    while hasattr(command, "get_command"):
        command = command.get_command(typer.Context(command), words.pop(0))
    command.make_context("fmnbench", words)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_each_command_of_the_readme_parses(words):
    parse(words)


def test_a_command_with_an_unknown_option_does_not_parse():
    with pytest.raises(Exception, match="No such option"):
        parse(["run", "--sweet", "quick"])


def test_the_python_of_the_readme_runs_and_its_critic_keeps_the_contract(tmp_path):
    critic, *others = blocks("python")
    assert critic.startswith("# margin.py")
    (tmp_path / "margin.py").write_text(critic)
    check = "from fmnbench.testing import check_critic\nimport margin\ncheck_critic('margin')\n"
    for code in (*others, check):
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=120)
    listed = subprocess.run(
        [sys.executable, "-m", "fmnbench", "list", "critics", "--plugin", "margin.py"],
        cwd=tmp_path, check=True, timeout=120, capture_output=True, text=True,
    )  # fmt: skip
    assert "margin" in listed.stdout


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_lines_of_documents_are_under_100_columns(path):
    lines = enumerate(path.read_text().splitlines(), 1)
    assert [number for number, line in lines if len(line) >= 100] == []


def test_the_workflow_covers_each_python_and_the_oldest_torch_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    workflow = yaml.safe_load((ROOT / ".github/workflows/gate.yml").read_text())
    matrix = workflow["jobs"]["gate"]["strategy"]["matrix"]
    named = [re.search(r":: (3\.\d+)$", line) for line in project["classifiers"]]
    assert matrix["python"] == [each[1] for each in named if each]
    (torch,) = [line for line in project["dependencies"] if line.startswith("torch>=")]
    assert {each["torch"] for each in matrix["include"]} == {torch[7:] + ".0", "newest"}
