"""Verbs load when they are chosen, and output survives pipes and old terminals."""

import inspect
import json
import os
import subprocess
import sys

import pytest
import typer

from fmnbench.cli.main import RootVerbs
from fmnbench.cli.results_command import ResultsVerbs
from fmnbench.records.store import Store

TABLES = {**RootVerbs.table, **ResultsVerbs.table}
MODULES = """
import json, sys
from fmnbench.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def modules_after(*arguments):
    done = subprocess.run(
        [sys.executable, "-c", MODULES, *arguments], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stderr))


@pytest.mark.parametrize(("name", "verb"), [*RootVerbs.table.items(), *ResultsVerbs.table.items()])
def test_a_verbs_summary_is_the_first_line_of_its_help(name, verb):
    found = verb.load()
    if isinstance(found, typer.Typer):
        callback = found.registered_callback
        text = found.info.help if isinstance(found.info.help, str) else callback.callback.__doc__
    else:
        text = inspect.getdoc(found)
    assert text.splitlines()[0] == verb.summary


def test_the_help_of_the_command_imports_no_verb():
    modules = modules_after("--help")
    assert not {f"fmnbench.cli.{verb.place.partition(':')[0]}" for verb in TABLES.values()} & (
        modules
    )
    assert not modules & {"torch", "numpy", "pydantic", "rich.console"}


@pytest.mark.parametrize("verb", ["run", "tune", "list", "results", "report"])
def test_the_help_of_a_verb_imports_neither_torch_nor_optuna(verb):
    assert not modules_after(verb, "--help") & {"torch", "optuna", "sqlalchemy", "matplotlib"}


def run(arguments, **changes):
    return subprocess.run(
        [sys.executable, "-m", "fmnbench", *map(str, arguments)],
        capture_output=True,
        check=False,
        env={**os.environ, **changes},
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory, make_result):
    folder = tmp_path_factory.mktemp("pipes") / "records"
    for seed in range(300):
        Store(folder).save(make_result(seed=seed, critic="self", lambda_=1.0))
    return folder


@pytest.mark.parametrize(
    ("encoding", "lambda_"),
    [("latin-1", rb"\u03bb"), ("cp437", rb"\u03bb"), ("ascii", b"\xce\xbb")],  # typer: UTF-8
)
@pytest.mark.parametrize("verb", ["list tasks", "results list", "report"])
def test_letters_that_the_output_cannot_hold_are_escaped(verb, encoding, lambda_, store):
    words = verb.split() + (["--store", store] if "list tasks" not in verb else [])
    done = run(words, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"self " + lambda_ + b"=1" in done.stdout


def test_output_that_nobody_reads_any_more_ends_the_command_quietly(store):
    command = [sys.executable, "-m", "fmnbench", "results", "list", "--store", str(store)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


@pytest.mark.parametrize("verb", ["run --suite quick", "report", "results list", "results show 1"])
def test_a_store_below_a_file_is_one_line(verb, fmnbench, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    path = tmp_path / "file" / "deep" / "records"
    done = fmnbench(*verb.split(), "--store", path)
    complaint = f"error: --store is '{path}', but '{tmp_path / 'file'}' is a file."
    assert (done.code, done.complaint) == (2, complaint)


def test_a_store_with_a_name_that_is_too_long_is_one_line(fmnbench, tmp_path):
    path = tmp_path / ("n" * 300)
    done = fmnbench("results", "list", "--store", path)
    complaint = f"error: --store cannot be '{path}': File name too long."
    assert (done.code, done.complaint) == (2, complaint)
