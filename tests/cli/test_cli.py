import json
import re
from typing import get_args

import pytest

from fmnbench import __version__
from fmnbench.board import Protocol
from fmnbench.cli import list_command, report_options
from fmnbench.registry import REGISTRIES
from fmnbench.report import FORMATS
from fmnbench.spec import Precision, Status

DATA = ["data list", "data fetch", "data import", "data verify", "data path"]
VERBS = ["", "list", "run", "report", "results", "results list", "results show", "data", *DATA]


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_fits_80_columns_and_explains_each_option(verb, fmnbench):
    done = fmnbench(*verb.split(), "--help")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"Usage: fmnbench {verb}".rstrip())
    assert max(map(len, done.out.splitlines())) <= 80
    options = re.findall(
        r"^  (?:-h, )?(--[a-z-]+)(?: [A-Z|,=a-z0-9]+)?(.*(?:\n {10,}.*)*)", done.out, re.M
    )
    assert {name for name, _ in options} >= {"--help"}
    for name, text in options:
        assert len(text.split()) >= 2, f"{name} of {verb} has no help text"
    assert fmnbench(*verb.split(), "-h").out == done.out


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("results", "data")])
def test_help_shows_examples_each_on_its_line(verb, fmnbench):
    text = fmnbench(*verb.split(), "--help").out
    examples = text[text.index("Examples:\n") :].split("\n\n")[0].splitlines()[1:]
    assert len(examples) >= 2
    assert all(line.startswith(f"    fmnbench {verb}") for line in examples)


def test_examples_of_run_are_what_the_parser_takes(fmnbench, tmp_path):
    text = fmnbench("run", "--help").out
    examples = re.findall(r"^    fmnbench (run .*)$", text, re.M)
    shipped = [words.split() for words in examples if "my_" not in words]
    assert len(shipped) >= 2
    for words in shipped:
        done = fmnbench(*words, "--dry-run", "--store", tmp_path)
        assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("group", ["", "results", "data"])
def test_a_group_without_a_verb_shows_its_help_as_wrong_usage(group, fmnbench):
    done = fmnbench(*group.split())
    assert (done.code, done.err) == (2, "")
    assert done.out == fmnbench(*group.split(), "--help").out


def test_the_version_is_shown(fmnbench):
    assert fmnbench("--version") == (0, f"fmnbench {__version__}\n", "")


def test_what_help_names_is_what_there_is(fmnbench):
    assert tuple(FORMATS) == report_options.FORMATS
    assert get_args(Protocol) == report_options.PROTOCOLS
    assert tuple(REGISTRIES) == list_command.COMPONENTS
    text = " ".join(fmnbench("run", "--help").out.split())
    assert ", ".join(get_args(Status)) in text
    assert ", ".join(get_args(Precision)) in text


@pytest.mark.parametrize("what", list_command.WHAT)
def test_a_listing_as_json_has_every_name_that_the_listing_has(what, fmnbench):
    shown = fmnbench("list", what)
    assert (shown.code, shown.err) == (0, "")
    rows = json.loads(fmnbench("list", what, "--json").out)
    if what == "tasks":
        methods = {}
        for row in rows:
            track = row["track"], f"{row['dataset']} + {row['architecture']}"
            methods.setdefault(track, []).append(row["row"])
        assert "\N{NO-BREAK SPACE}" not in shown.out
        text = " ".join(shown.out.split())
        for (track, parts), names in methods.items():
            assert f"{track} {parts} {', '.join(names)}" in text
    else:
        names = re.findall(r"^  (\S+)  +\S", shown.out, re.M)
        assert names == [row["name"] for row in rows]
        assert all(row["summary"] and row["source"] for row in rows)
    assert max(map(len, shown.out.splitlines())) <= 80


def test_a_listing_of_everything_has_each_kind_but_tasks(fmnbench):
    everything = fmnbench("list").out
    titles = re.findall(r"^(\w+)$", everything, re.M)
    assert titles == [*REGISTRIES, "suites"]
    assert list(json.loads(fmnbench("list", "--json").out)) == titles
    for title in titles:
        assert fmnbench("list", title).out in everything


def test_a_metric_is_listed_with_its_unit_direction_and_source(fmnbench):
    text = fmnbench("list", "metrics").out
    assert re.search(r"\n {20,}nats · lower is better · Burda et al. 2016\n", text)
    entries = {row["name"]: row for row in json.loads(fmnbench("list", "metrics", "--json").out)}
    assert (entries["nll"]["unit"], entries["nll"]["better"]) == ("nats", "lower")


def test_the_tasks_of_the_quick_suite_are_listed_row_by_row(fmnbench):
    rows = json.loads(fmnbench("list", "tasks", "--json").out)
    quick = [tuple(row.values())[1:] for row in rows if row["suite"] == "quick"]
    assert quick[0] == ("digits-mlp", "digits", "mlp", "VAE", "none", "elbo", 0.0)
    assert ("digits-mlp", "digits", "mlp", "self λ=1", "self", "elbo", 1.0) in quick
    assert quick[4:] == [
        ("digits-mlp", "digits", "mlp", "β=0.2", "none", "beta", 0.0),
        ("toy-linear", "toy", "linear-gaussian", "VAE", "none", "elbo", 0.0),
        ("toy-linear", "toy", "linear-gaussian", "self λ=1", "self", "elbo", 1.0),
        ("toy-linear", "toy", "linear-gaussian", "neural λ=1", "neural", "elbo", 1.0),
        *(
            ("linear-spectrum", "linear-spectrum", "linear-gaussian", row, "none", remedy, 0.0)
            for row, remedy in (("VAE", "elbo"), ("β=0.4", "beta"), ("β=2", "beta"))
        ),
        ("synthetic-text-lstm", "synthetic-text", "lstm", "VAE", "none", "elbo", 0.0),
        ("synthetic-text-lstm", "synthetic-text", "lstm", "self λ=1", "self", "elbo", 1.0),
    ]


def test_a_suite_of_ones_own_is_planned_from_its_path(tmp_path, fmnbench):
    path = tmp_path / "own.toml"
    path.write_text(
        'title = "T"\ncitation = "C"\n[[tracks]]\nname = "mine"\ndataset = "digits"\n'
        'architecture = "mlp"\nepochs = 1\nbatch_size = 256\nlearning_rate = 1e-3\n'
        'architecture_settings = { likelihood = "bernoulli" }\ncritics = ["none"]\n'
    )
    done = fmnbench("run", "--suite", path, "--dry-run", "--store", tmp_path / "records")
    assert (done.code, done.err) == (0, "")
    assert "\nmine   VAE  0      0         0        1       not known yet\n" in done.out
