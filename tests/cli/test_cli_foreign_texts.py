"""Texts of records, plug-ins and servers on a terminal: none of their characters steers it."""

import dataclasses
import json
import re

import pytest

from fmnbench.cli.data_display import Display
from fmnbench.cli.run_display import RunDisplay
from fmnbench.cli.tune_tables import print_study
from fmnbench.records.store import Store
from fmnbench.runs.executors.base import Event
from fmnbench.tune.summary import Summary, TrialRow

CODE = "\x1b]0;mine\x07\x9b2J\u202e"
RICH = re.compile(r"\x1b\[[\d;?]*[A-Za-z]|\r")  # colours and movements of its bars
PLUGIN = f"""
from fmnbench.critics.base import Critic
from fmnbench.registry import critics


@critics.register("mine", source="me {CODE}")
class Mine(Critic):
    '''Adds nothing {CODE}.'''

    def forward(self, x, z, q):
        return z.sum() * 0.0
"""


@pytest.fixture
def record(make_result, tmp_path):
    """Returns the record of a store, which has codes wherever a text may stand."""
    result = make_result(
        critic=f"self{CODE}",
        critic_settings={f"a{CODE}": CODE},
        status="failed",
        error=f"broke {CODE}",
        provenance={"device_name": f"cpu {CODE}"},
        metrics={f"nll{CODE}": 1.0},
    )
    return Store(tmp_path / "results").save(result)


def is_plain(text):
    return all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("results", "list"),
        ("results", "list", "--json"),
        ("results", "show", "KEY"),
        ("results", "show", "KEY", "--json"),
        ("report", "--format", "markdown"),
        ("report", "--format", "rich"),
        ("report", "--format", "html"),
    ],
)
def test_a_record_does_not_steer_the_terminal(record, fmnbench, arguments):
    words = [record.stem if word == "KEY" else word for word in arguments]
    done = fmnbench(*words, "--store", record.parents[1])
    assert done.code == 0
    assert "broke" in done.out
    assert is_plain(done.out)
    if "--json" in arguments:
        assert "\x9b" in str(json.loads(done.out)) or "\\x9b" in str(json.loads(done.out))


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_plug_in_does_not_steer_the_terminal(tmp_path, fmnbench, registers, more):
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN)
    done = fmnbench("list", "critics", "--plugin", path, *more)
    assert done.code == 0
    assert "Adds nothing" in done.out
    assert is_plain(done.out)


def test_a_corrupt_record_does_not_steer_the_terminal(record, fmnbench):
    record.write_text(record.read_text().replace('"key":"', f'"key":"{CODE[5:]}'))
    done = fmnbench("results", "list", "--store", record.parents[1])
    assert done.code == 1
    assert is_plain(done.complaint)


def test_what_was_typed_does_not_steer_the_terminal(fmnbench):
    assert is_plain(fmnbench("data", "fetch", f"snli{CODE}").complaint)


def test_progress_bars_do_not_steer_the_terminal(make_result, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    spec = make_result(critic=f"mine{CODE}").spec
    with RunDisplay([spec]) as runs:
        runs.show(Event(spec=spec, kind="started"))
    with Display() as files:
        files.show(f"{CODE}.tar.gz", 1, 2)
    shown = RICH.sub("", capsys.readouterr().err)
    assert shown.count("]0;mine") >= 2
    assert is_plain(shown)


def test_the_table_of_a_study_does_not_steer_the_terminal(capsys):
    row = TrialRow(
        values={f"critic.a{CODE}": 1.0},
        status=f"failed{CODE}",
        metrics={},
        nll_std=None,
        against_vae=None,
        flags=(),
        seconds=1.0,
    )
    flagged = dataclasses.replace(
        row, metrics={"nll": 1.0, "mi_lower": 0.0}, flags=(f"[bold]{CODE}",)
    )
    study = Summary(
        track=f"digits{CODE}",
        method=f"mine{CODE}",
        critic="mine",
        objective="elbo",
        goal="front",
        margin=1.0,
        space={f"critic.a{CODE}": "1 to 2"},
        seeds=(0,),
        nll_samples=1,
        epochs=1,
        wanted=1,
        vae=row,
        trials=(flagged,),
        front=(0,),
        chosen=None,
        reason=f"why {CODE}",
        alone={},
    )
    print_study(study)
    shown = capsys.readouterr().out
    assert "[bold]" in shown
    assert is_plain(shown)
