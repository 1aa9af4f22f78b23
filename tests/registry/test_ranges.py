"""Search ranges: declared beside a setting, read with and without an import, shown by `list`."""

import json

import pytest

from fmnbench.errors import UsageError
from fmnbench.registry import Range, Registry, critics, load_plugin, objectives, remedies, settings

PLUGIN = """
from typing import Annotated
from fmnbench.critics import Critic
from fmnbench.registry import Range, critics

@critics.register("ranged", source="a paper", lambda_range=(0.5, 8.0))
class Ranged(Critic):
    '''Has ranges.'''

    def __init__(self, vae, *, width: Annotated[int, Range(4, 64)] = 8, plain: float = 1.0):
        super().__init__(vae)

@critics.register("heir", source="a paper")
class Heir(Ranged):
    '''Inherits them.'''
"""


@pytest.fixture
def plugin(tmp_path, registers):
    def load(text=PLUGIN):
        path = tmp_path / "ranged.py"
        path.write_text(text)
        load_plugin(path)
        return path

    return load


@pytest.mark.parametrize(
    ("ends", "reason"),
    [
        ((2.0, 1.0), "from a lower to a higher number, not from 2 to 1"),
        ((1.0, 1.0), "not from 1 to 1"),
        ((0.0, float("nan")), "not from 0 to nan"),
        ((0.0, 1.0, True), "a logarithmic range starts above 0, not at 0"),
    ],
)
def test_ends_that_are_no_range_are_refused(ends, reason):
    with pytest.raises(UsageError, match=reason):
        Range(*ends)


@pytest.mark.parametrize("registry", [critics, objectives], ids=str)
def test_ranges_read_from_source_are_those_of_the_imported_component(registry):
    unread = Registry(registry.label, registry.kind)  # has imported nothing
    for name in registry.names():
        assert unread.ranges(name) == settings.ranges(registry.get(name))
    assert objectives.ranges("beta") == {"beta": Range(0.01, 2.0, log=True)}


@pytest.mark.parametrize("registry", [critics, remedies], ids=str)
def test_settings_read_from_source_are_those_of_the_component(registry):
    for name in registry.names():
        assert list(registry.written_settings(name)) == list(registry.settings(name))
    assert remedies.written_settings("annealing") == {"start": "0.1", "warmup": "10.0"}


def test_settings_and_cost_of_a_remedy_are_listed(fmnbench):
    listed = fmnbench("list", "remedies")
    assert listed.code == 0
    lines = " ".join(listed.out.split())
    assert "settings: target=4.0, per='row', warmup=0.0 tuned: target 0.5 to 20 (log)" in lines
    assert "cost: n² kernels a batch · Zhao et al. 2019, eq. 6" in lines
    assert fmnbench("list", "objectives") == listed


def test_a_plugin_declares_ranges_of_settings_and_of_its_weight(plugin):
    plugin()
    assert critics.ranges("ranged") == critics.ranges("heir") == {"width": Range(4, 64)}
    critics._objects.pop("heir"), critics._objects.pop("ranged")  # as if nothing were imported
    assert critics.ranges("ranged") == critics.ranges("heir") == {"width": Range(4, 64)}
    assert critics.entry("ranged").lambda_range == Range(0.5, 8.0, log=True)
    assert critics.entry("heir").lambda_range == Range(0.1, 100.0, log=True)
    assert critics.entry("none").lambda_range is None


@pytest.mark.parametrize("given", ["(8.0, 0.5)", "(1.0,)", "3", "('a', 'b')"])
def test_a_critic_with_an_impossible_range_of_its_weight_is_broken(plugin, given):
    with pytest.raises(UsageError, match="does not run"):
        plugin(PLUGIN.replace("(0.5, 8.0)", given))
    assert "ranged" not in critics.names()


def test_list_shows_where_tune_searches(fmnbench, plugin):
    path = plugin()
    lines = fmnbench("list", "critics", "--plugin", path).out.splitlines()
    place = next(number for number, line in enumerate(lines) if "Has ranges." in line)
    assert [line.strip() for line in lines[place + 2 : place + 4]] == [
        "settings: width=8, plain=1.0",
        "tuned: λ 0.5 to 8 (log), width 4 to 64",
    ]
    rows = {row["name"]: row for row in json.loads(fmnbench("list", "objectives", "--json").out)}
    assert rows["beta"]["ranges"] == {"beta": {"low": 0.01, "high": 2.0, "log": True}}
