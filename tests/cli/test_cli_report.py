"""The verb `report`: components that are not here, changed settings, chosen tracks."""

import csv
import hashlib
import io
import re
from pathlib import Path

import pytest

from fmnbench.records.definitions import FIRST
from fmnbench.records.store import Store

RESULTS = Path(__file__).parents[2] / "leaderboards/results"
PLUGIN = '''
from fmnbench.critics.base import Critic
from fmnbench.registry import critics, metrics


@critics.register("mine")
class Mine(Critic):
    """Adds nothing."""

    def forward(self, x, z, q):
        return z.sum() * 0.0


@metrics.register("surprise", unit="bits", better="higher", version=1)
def surprise(evaluation):
    """How surprising it is."""
    return 1.0
'''
SUITE = """
title = "Mine"
citation = "mine"

[[tracks]]
name = "toy-mlp"
dataset = "toy"
architecture = "mlp"
epochs = 30
batch_size = 1024
learning_rate = 2e-4
precision = "float64"
critics = {critics}
lambda = 20.0
"""


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "results")


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "my_critic.py"
    path.write_text(PLUGIN)
    return path


@pytest.fixture
def suite(tmp_path):
    """Returns a writer of a suite with the given critics; it returns the suite's file."""

    def write(critics):
        path = tmp_path / "mine.toml"
        path.write_text(SUITE.replace("{critics}", critics))
        return path

    return write


@pytest.mark.parametrize(
    ("loaded", "head"), [(False, "| surprise |"), (True, "| surprise ↑ (bits) |")]
)
def test_records_of_a_plugin_are_shown_with_and_without_its_file(
    store, plugin, suite, make_result, fmnbench, registers, loaded, head
):
    version = hashlib.sha256(plugin.read_bytes()).hexdigest()[:12]
    made = {"metric_versions": {**FIRST, "surprise": version}}
    store.save(make_result(metrics={"nll": 3.0, "surprise": 2.0}, **made))
    mine = {"critic": "mine", "lambda_": 20.0}
    store.save(make_result(metrics={"nll": 4.0, "surprise": 5.0}, **mine, **made))
    options = ["--protocol", "standard", *(["--plugin", plugin] if loaded else [])]
    file = suite('["none", "mine", "unheard"]')
    done = fmnbench("report", "--suite", file, "--store", store.folder, *options)
    assert (done.code, done.err) == (0, "")
    assert head in done.out
    rows = [line for line in done.out.splitlines() if line.startswith(("| VAE", "| mine λ=20"))]
    assert [line.split(" | ")[1] for line in rows[:2]] == ["3.00", "4.00"]
    assert [line.strip("| ").split(" | ")[-1] for line in rows[:2]] == ["2.00", "5.00"]
    assert [line.split(" | ")[9] for line in rows[2:]] == ["2.00", "5.00"]
    assert "| unheard λ=20<sup>1</sup> | — |" in done.out


def test_all_critics_of_a_suite_include_those_of_a_plugin(
    store, plugin, suite, make_result, fmnbench, registers
):
    store.save(make_result(metrics={"nll": 3.0}))
    report = ["report", "--suite", suite('"all"'), "--store", store.folder]
    assert "mine λ=20" not in fmnbench(*report).out
    assert "| mine λ=20<sup>1</sup> | — |" in fmnbench(*report, "--plugin", plugin).out


def test_a_suite_names_its_tables_with_changed_settings_and_how_to_show_them(
    store, suite, make_result, fmnbench
):
    for epochs in (2, 3):
        track = {"name": f"toy-mlp+epochs={epochs}", "epochs": epochs}
        store.save(make_result(track=track, metrics={"nll": float(epochs)}))
    store.save(make_result(track={"name": "other+epochs=2", "epochs": 2}, metrics={"nll": 9.0}))
    report = ["report", "--suite", suite('["none"]'), "--store", store.folder]
    done = fmnbench(*report)
    assert done.code == 0
    told = "There are tables with changed settings: toy-mlp+epochs=2, toy-mlp+epochs=3; fmnbench "
    assert done.out.count(told) == 2  # by both protocols
    assert "No run of this table" not in done.out
    assert done.complaint == (
        "Not shown, as settings of the suite were changed: toy-mlp+epochs=2, toy-mlp+epochs=3. "
        "`fmnbench report --track NAME` shows such a table."
    )
    for options in (["report", "--store", store.folder], report):
        done = fmnbench(*options, "--track", "toy-mlp+epochs=2")
        assert (done.code, done.err) == (0, "")
        assert done.out.count("\n## ") == 2  # and how to read it
        assert "\n## toy-mlp+epochs=2\n" in done.out
        assert "| VAE | 2.00 |" in done.out
    assert fmnbench("report", "--store", store.folder).out.count("\n## ") == 4


def test_a_chosen_track_keeps_its_reference_and_its_judge(fmnbench):
    def parts(text):
        return re.split(r"\n##+ ", text)

    everything = parts(fmnbench("report", "--store", RESULTS).out)
    for name in ("omniglot-cnn", "yahoo-10k-lstm-small"):
        titles = (f"{name}\n", f"{name}, as published\n")
        expected = [part.strip() for part in everything if part.startswith(titles)]
        alone = parts(fmnbench("report", "--store", RESULTS, "--track", name).out)
        found = [part.strip() for part in alone if part.startswith(titles)]
        assert found == expected
        assert len(found) == 2


@pytest.mark.parametrize("command", [["report", "--store", RESULTS], ["run", "--dry-run"]])
def test_the_former_name_of_a_suite_is_taken_wherever_a_suite_is(command, tmp_path, fmnbench):
    store = [] if "--store" in command else ["--store", tmp_path / "records"]
    now, before = (
        fmnbench(*command, "--suite", name, *store, "--track", "toy-mlp")
        for name in ("asokan", "report")
    )
    assert (now.code, now.out) == (0, before.out)
    assert "toy-mlp" in now.out


def test_the_former_word_for_a_protocol_is_taken_and_the_present_one_is_written(fmnbench):
    options = ("--store", RESULTS, "--track", "toy-mlp", "--format", "csv", "--protocol")
    now, before = (fmnbench("report", *options, word) for word in ("as-published", "report"))
    assert (now.code, now.out) == (0, before.out)
    assert {line["protocol"] for line in csv.DictReader(io.StringIO(now.out))} == {"as-published"}


def test_columns_and_order_are_chosen_and_a_mistake_leaves_the_file_as_it_was(
    store, row, tmp_path, fmnbench
):
    for result in [*row({0: 9.0, 1: 9.5}), *row({0: 4.0, 1: 5.0}, critic="self")]:
        store.save(result)
    out = tmp_path / "t.tex"
    report = ["report", "--protocol", "standard", "--store", store.folder, "--out", out]
    assert fmnbench(*report, "--columns", "nll,delta.nll", "--sort", "nll").code == 0
    text = out.read_text()
    assert r"method & NLL $\downarrow$ (nats) & $\Delta$ NLL (nats) \\" in text
    assert text.index("self $") < text.index("VAE &")
    for wrong in (["--columns", "nl"], ["--sort", "nl"], ["--format", "latx"]):
        done = fmnbench(*report, *wrong)
        assert done.code == 2
        assert "Did you mean" in done.complaint
        assert out.read_text() == text


def test_the_error_of_tests_is_chosen_within_bounds(fmnbench):
    report = ("report", "--store", RESULTS, "--track", "toy-mlp")
    assert fmnbench(*report, "--alpha", "0.05").out == fmnbench(*report).out
    assert "99.9 % confidence" in fmnbench(*report, "--alpha", "0.001").out
    for wrong in ("0", "0.5", "nan", "x", "-1"):
        done = fmnbench(*report, f"--alpha={wrong}")
        assert done.code == 2
        assert done.complaint.endswith("it must be a share above 0 and below 0.5.")


def test_an_unknown_track_is_named_with_the_nearest(store, make_result, fmnbench):
    store.save(make_result(metrics={"nll": 3.0}))
    done = fmnbench("report", "--track", "toy-mpl", "--store", store.folder)
    assert done.code == 2
    assert done.complaint == (
        "error: Unknown track 'toy-mpl'. Did you mean 'toy-mlp'? Known: toy-mlp."
    )


def test_seeds_are_those_asked_for_or_those_that_all_rows_share(store, row, fmnbench):
    for result in [*row({0: 1.0, 1: 2.0, 2: 6.0}), *row({0: 1.0, 2: 4.0}, critic="self")]:
        store.save(result)
    report = ["report", "--protocol", "standard", "--columns", "nll", "--store", store.folder]
    for options, seeds, values in (
        ([], "n = 2 seeds (0, 2).", ["3.50 (3.54)", "2.50 (2.12)"]),
        (["--seeds", "3"], "n = 3 seeds (0, 1, 2).", ["3.00 (2.65)", "—"]),
        (["--seeds", "0-1"], "n = 2 seeds (0, 1).", ["1.50 (0.71)", "—"]),
        (["--seeds", "2,"], "n = 1 seed (2)", ["6.00", "4.00"]),
    ):
        done = fmnbench(*report, *options)
        assert (done.code, done.err) == (0, "")
        assert seeds in done.out
        assert ("Seed 1 is left out, as some rows lack it." in done.out) == (not options)
        rows = [line for line in done.out.splitlines() if line.startswith(("| VAE", "| self"))]
        assert [line.strip("| ").split(" | ")[1] for line in rows[:2]] == values
    assert "--seeds is 'x'" in fmnbench(*report, "--seeds", "x").complaint
