"""The version of a plug-in covers the local modules that it imports, and no other file."""

import hashlib
import importlib
import sys

import pytest
from digits_runs import DIGITS

from fmnbench.errors import UsageError
from fmnbench.planning.plan import Selection, plan, tasks
from fmnbench.records.store import Store
from fmnbench.registry import critics, load_plugin
from fmnbench.registry.sources import sources, version_of

CRITIC = """
from fmnbench.critics.base import Critic
from fmnbench.registry import critics
IMPORTS


@critics.register("beside")
class Beside(Critic):
    '''Adds what a neighbour says.'''

    def forward(self, x, z, q):
        return z.sum() * 0.0 + LOSS
"""
HOUSE = {  # files of a folder, each with the modules that it imports
    "first.py": "import second.part",
    "second/__init__.py": "",
    "second/part.py": "from . import other\nfrom .deep.end import VALUE",
    "second/other.py": "",
    "second/deep/__init__.py": "from ... import nothing",
    "second/deep/end.py": "from ..late import VALUE",
    "second/late.py": "VALUE = 1",
    "second/unused.py": "",
    "third/bare.py": "",  # in a folder that is no package
    "guarded.py": "import first",
    "unrelated.py": "",
}
IMPORTS = """
import json, torch.nn as nn
import numpy.linalg
import missing_module
from third import bare
def late():
    try:
        import guarded as g
    except ImportError:
        pass
"""
NEIGHBOURS = {*HOUSE} - {"second/unused.py", "unrelated.py"}


def written(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Returns a folder for a plug-in; what is imported from it is forgotten after the test."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
    importlib.invalidate_caches()


def test_local_modules_are_found_wherever_they_are_imported_and_others_are_not(folder):
    written(folder, HOUSE | {"mine.py": IMPORTS})
    found = sources(folder / "mine.py")
    assert list(found) == ["mine.py", *sorted(NEIGHBOURS)]
    assert found["second/part.py"] == hashlib.sha256(HOUSE["second/part.py"].encode()).hexdigest()


@pytest.mark.parametrize("name", sorted(HOUSE))
def test_the_version_changes_with_each_neighbour_and_with_no_other_file(name, folder):
    written(folder, HOUSE | {"mine.py": IMPORTS})
    before = version_of(sources(folder / "mine.py"))
    path = folder / name
    path.write_text(path.read_text() + "\n# edited\n")
    assert (version_of(sources(folder / "mine.py")) != before) == (name in NEIGHBOURS)
    path.write_text(HOUSE[name])
    assert version_of(sources(folder / "mine.py")) == before


def test_a_plug_in_without_neighbours_has_the_version_that_it_always_had(folder):
    written(folder, {"mine.py": "import json, torch, fmnbench.spec", "unrelated.py": ""})
    path = folder / "mine.py"
    assert version_of(sources(path)) == hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def test_a_module_of_a_package_has_its_package_as_neighbours_even_where_it_is_installed(folder):
    site = folder / "lib" / "site-packages"
    written(
        site,
        {
            "owned/__init__.py": "",
            "owned/critic.py": "from .layers import A\nimport other_owner, owned.sizes",
            "owned/layers.py": "",
            "owned/sizes.py": "",
            "owned/alone.py": "",
            "other_owner.py": "",
        },
    )
    sys.path.append(str(site))
    found = sources(site / "owned/critic.py", "owned.critic")
    assert list(found) == ["critic.py", "owned/__init__.py", "owned/layers.py", "owned/sizes.py"]
    alone = site / "owned/alone.py"
    assert list(sources(alone, "owned.alone")) == ["alone.py"]


def test_two_modules_that_an_import_may_mean_are_an_error(folder):
    written(folder / "a", {"mine.py": "import shared_name", "shared_name.py": ""})
    written(folder / "b", {"shared_name.py": ""})
    sources(folder / "a/mine.py")
    sys.path.append(str(folder / "b"))
    with pytest.raises(UsageError) as caught:
        sources(folder / "a/mine.py")
    assert str(caught.value) == (
        f"The plug-in {folder}/a/mine.py imports 'shared_name', which may be "
        f"{folder}/b/shared_name.py or {folder}/a/shared_name.py; rename one."
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [("class (:", "SyntaxError: invalid syntax (late_one.py, line 1)"), ("a\0", "SyntaxError: ")],
)
def test_a_neighbour_that_is_no_python_is_an_error_of_one_line(text, reason, folder, registers):
    late = CRITIC.replace("IMPORTS", "").replace(
        "LOSS", "__import__('x').y\n        import late_one"
    )
    written(folder, {"mine.py": late, "late_one.py": text})
    with pytest.raises(UsageError) as caught:
        load_plugin(folder / "mine.py")
    start = f"The plug-in {folder}/mine.py imports {folder}/late_one.py, which cannot be read: "
    assert str(caught.value).startswith(start + reason)
    assert "\n" not in str(caught.value)


def keys():
    chosen = Selection(suites=["quick"], datasets=["digits"], critics=["beside"], epochs=1)
    return [spec.key for spec in plan(tasks(chosen), [0]).specs]


def test_an_edited_neighbour_is_another_run_and_its_hash_is_in_the_record(
    folder, fmnbench, registers
):
    text = CRITIC.replace("IMPORTS", "from beside_loss import LOSS")
    written(folder, {"mine.py": text, "beside_loss.py": "LOSS = 1.0", "beside_that.py": ""})
    run = [*DIGITS, "--critic", "beside", "--plugin", folder / "mine.py"]
    for value, records in ((1.5, 1), (22.5, 2)):  # of another length, which Python's cache sees
        (folder / "beside_loss.py").write_text(f"LOSS = {value}")
        (folder / "beside_that.py").write_text(f"LOSS = {value}")
        done = fmnbench(*run, "--store", folder / "records")
        assert (done.code, done.err) == (0, "")
        results, _ = Store(folder / "records").results()
        assert len(results) == records
        (result,) = [each for each in results if each.curve[0]["critic"] == pytest.approx(value)]
        assert result.provenance.plugins == {
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
            for name in ("mine.py", "beside_loss.py")
        }
        assert result.spec.versions["critic"] == critics.version("beside")
    before = keys()
    (folder / "beside_that.py").write_text("LOSS = 3.0")
    assert keys() == before
    (folder / "beside_loss.py").write_text("LOSS = 3.0")
    assert keys() != before
