"""Texts of records, plug-ins and servers on a terminal: none of their characters steers it."""

import json

import pytest

from fmnbench.records.store import Store

CODE = "\x1b]0;mine\x07\x9b2J\u202e"
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
