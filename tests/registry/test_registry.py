import inspect
import json
import subprocess
import sys

import pytest

from fmnbench.errors import ComponentError, UsageError
from fmnbench.planning.plan import resolve
from fmnbench.records.store import Store
from fmnbench.registry import REGISTRIES, architectures, critics, datasets, load_plugin
from fmnbench.spec import Task, Track

LOADED = """
import json, sys
from fmnbench.cli.main import main
try:
    main(sys.argv[1:])
finally:
    heavy = [name for name in sys.modules if name in ("torch", "optuna") or name.count(".") > 1
             and name.startswith(("fmnbench.datasets.", "fmnbench.critics.", "fmnbench.metrics."))]
    print(json.dumps(heavy), file=sys.stderr)
"""
PLUGIN = """
from fmnbench.registry import critics, objectives

@critics.register("margin", source="a paper")
class Margin:
    '''Pushes pairs apart.

    Not in the summary.
    '''

    def __init__(self, vae, *, margin: float = 1, sides: tuple[int, ...] = (2,), name="a"):
        pass
"""


@pytest.fixture
def plugin(tmp_path, registers):
    """Returns a function that writes a plug-in and loads it."""

    def load(text=PLUGIN, name="my_critic.py"):
        path = tmp_path / name
        path.write_text(text)
        load_plugin(path)
        return path

    return load


@pytest.mark.parametrize(
    "verb", ["list", "list tasks", "--help", "run --help", "tune --help", "report"]
)
def test_a_listing_a_help_page_and_a_report_import_neither_torch_nor_a_component(
    verb, tmp_path, make_result
):
    Store(tmp_path).save(make_result(metrics={"nll": 1.5}))
    more = ["--store", str(tmp_path)] if verb == "report" else []
    command = [sys.executable, "-c", LOADED, *verb.split(), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stderr) == []
    assert len(done.stdout) > 500


@pytest.mark.parametrize("registry", REGISTRIES.values(), ids=str)
def test_an_entry_read_from_source_says_what_the_imported_component_says(registry):
    for name in registry.names():
        entry, component = registry.entry(name), registry.get(name)
        assert entry.summary == inspect.getdoc(component).split("\n")[0]
        assert entry.module == component.__module__
        assert entry.source
        assert entry.origin == "built-in"


@pytest.mark.parametrize("registry", [*map(REGISTRIES.get, ("datasets", "critics"))], ids=str)
def test_settings_are_the_keyword_only_arguments(registry):
    for name in registry.names():
        parameters = inspect.signature(registry.get(name)).parameters.values()
        keyword_only = {
            each.name: each.default for each in parameters if each.kind == each.KEYWORD_ONLY
        }
        assert list(registry.settings(name).items()) == list(keyword_only.items())


def test_settings_of_the_self_critic_and_of_digits_are_these():
    assert critics.settings("self") == {"temperature": 1.0, "direction": "x"}
    assert datasets.settings("digits") == {"binary": True}


def test_given_settings_take_the_place_of_defaults_in_the_type_that_is_declared():
    filled = architectures.fill("mlp", {"hidden": (64, 32), "variance": 2})
    assert filled == {**architectures.settings("mlp"), "hidden": (64, 32), "variance": 2.0}
    assert repr(filled["variance"]) == "2.0"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"temprature": 1.0}, "Unknown setting of critic 'self' 'temprature'. Did you mean 'temp"),
        ({"temperature": "warm"}, "temperature of critic 'self' is 'warm': .* valid number"),
        ({"temperature": True}, "temperature of critic 'self' is True: .* valid number"),
        ({"temperature": None}, "temperature of critic 'self' is None: .* valid number"),
        ({"temperature": float("nan")}, "temperature of critic 'self' is nan: .* finite number"),
        ({"direction": "y"}, "direction of critic 'self' is 'y': .* 'x', 'z' or 'both'"),
    ],
)
def test_a_setting_that_does_not_fit_is_refused(given, message):
    with pytest.raises(UsageError, match=message):
        critics.fill("self", given)


def test_an_unknown_name_gets_the_nearest_guess_and_all_names():
    with pytest.raises(UsageError) as caught:
        critics.get("slef")
    known = ", ".join(sorted(critics.names()))
    assert {"hybrid", "neural", "none", "self"} <= set(critics.names())
    assert str(caught.value) == f"Unknown critic 'slef'. Did you mean 'self'? Known: {known}."
    with pytest.raises(UsageError, match=r"^Unknown dataset 'imagenet'. Known: .*digits, "):
        datasets.entry("imagenet")


def test_two_components_of_one_name_are_an_error(registers):
    with pytest.raises(UsageError, match=r"Two critics are named 'self': .*self_critic and "):

        @critics.register("self")
        class Other:
            """Comes too late."""

    assert critics.get("self").__name__ == "SelfCritic"


def test_built_in_components_state_their_version():
    assert critics.version("self") == "1"
    for entry in (entry for registry in REGISTRIES.values() for entry in registry.entries()):
        stated = entry.attributes.get("version", 1)
        assert REGISTRIES[entry.module.split(".")[1]].version(entry.name) == str(stated)


def test_a_plug_ins_version_and_so_its_runs_keys_change_when_its_file_is_edited(plugin):
    path = plugin()
    track = Track(
        name="d",
        dataset="digits",
        architecture="mlp",
        epochs=1,
        batch_size=64,
        learning_rate=1e-3,
    )
    task = Task(track=track, critic="margin", lambda_=1.0)
    before, key = critics.version("margin"), resolve(task, 0).key
    assert resolve(task, 0).key == key
    path.write_text(PLUGIN.replace("apart", "together"))
    assert critics.version("margin") != before
    assert resolve(task, 0).key != key


def test_a_plug_ins_entry_says_where_it_comes_from(plugin):
    path = plugin()
    entry = critics.entry("margin")
    assert (entry.summary, entry.source) == ("Pushes pairs apart.", "a paper")
    assert (entry.path, entry.origin) == (path, "plug-in my_critic.py")


def test_defaults_are_held_in_the_type_that_is_declared_or_else_in_their_own(plugin):
    plugin()
    assert repr(critics.settings("margin")) == "{'margin': 1.0, 'sides': (2,), 'name': 'a'}"
    with pytest.raises(UsageError, match="name of critic 'margin' is 3"):
        critics.fill("margin", {"name": 3})


def test_annotations_that_only_a_type_checker_can_read_leave_the_defaults_types(plugin):
    plugin(PLUGIN.replace("vae,", "vae: 'NotImported',"))
    assert critics.fill("margin", {"margin": 2})["margin"] == 2
    with pytest.raises(UsageError, match="margin of critic 'margin' is 'wide'"):
        critics.fill("margin", {"margin": "wide"})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name="a"', "name", "critic 'margin' has a setting without a default: 'name'"),
        ('name="a"', "name={}", "critic 'margin' has a default that is no plain value .*name={}"),
        ("float = 1", "float = 'b'", "critic 'margin' has a default .* of its type: margin='b'"),
        ("float = 1", "float = float('inf')", "critic 'margin' has a default .*: margin=inf"),
    ],
)
def test_a_default_that_no_record_could_hold_is_a_broken_component(plugin, old, new, message):
    plugin(PLUGIN.replace(old, new))
    with pytest.raises(ComponentError, match=message):
        critics.settings("margin")


def test_two_plug_ins_may_have_the_same_file_name(plugin, tmp_path):
    plugin()
    (tmp_path / "other").mkdir()
    plugin(PLUGIN.replace("margin", "wider").replace("Margin", "Wider"), "other/my_critic.py")
    assert critics.get("margin").__name__ == "Margin"
    assert critics.get("wider").__name__ == "Wider"


def test_a_plug_in_loaded_twice_is_loaded_once(plugin):
    path = plugin()
    component = critics.get("margin")
    load_plugin(path)
    assert critics.get("margin") is component


def test_a_later_setting_at_its_default_stands_in_no_key_and_is_still_a_setting():
    old = critics.identity("neural", {})
    assert "scores" not in old
    assert "own_learning_rate" not in old
    assert critics.identity("neural", {"scores": "cosine", "own_learning_rate": None}) == old
    assert critics.identity("neural", {"scores": "product"}) == {**old, "scores": "product"}
    assert critics.settings("neural")["scores"] == "cosine"
    assert critics.fill("neural", {})["own_learning_rate"] is None
