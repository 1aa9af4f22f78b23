"""A plug-in touches the runs that use it, and no other: built-in rows keep their numbers."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
from digits_runs import DIGITS

import fmnbench as package
from fmnbench.planning.plan import Selection, plan, tasks
from fmnbench.records.store import Store
from fmnbench.registry import load_plugin
from fmnbench.runs.run import Conditions, execute

SPOILING = """
import torch

torch.set_default_dtype(torch.float64)
relu = torch.nn.functional.relu
torch.nn.functional.relu = lambda x, inplace=False: 1.5 * relu(x)
normal = torch.Tensor.normal_
torch.Tensor.normal_ = lambda x, *a, **b: normal(x, *a, **b) * 0.5
"""
COMPONENTS = """
from fmnbench.critics.none import NoCritic
from fmnbench.registry import critics, metrics


@critics.register("spoiling")
class Spoiling(NoCritic):
    '''Adds nothing.'''


@metrics.register("spoiled")
def spoiled(evaluation):
    '''One and a half.'''
    return torch.nn.functional.relu(torch.ones(1)).item()
"""
EVERY_KIND = """
from fmnbench.architectures.mlp import MLP
from fmnbench.critics.self_critic import SelfCritic
from fmnbench.datasets.digits import Digits
from fmnbench.objectives.elbo import ELBO
from fmnbench.registry import architectures, critics, datasets, objectives


@datasets.register("of-mine")
class Mine(Digits):
    '''Digits.'''


@architectures.register("of-mine")
class Layers(MLP):
    '''Layers.'''


@critics.register("of-mine")
class Mine(SelfCritic):
    '''Contrasts.'''


@objectives.register("of-mine")
class Mine(ELBO):
    '''A bound.'''
"""


@pytest.fixture
def as_file(tmp_path):
    path = tmp_path / "spoiling.py"
    path.write_text(SPOILING + COMPONENTS)
    return ["--plugin", path], []


@pytest.fixture
def as_installed(tmp_path):
    """Installs the plug-in as a distribution with two entry points."""
    top = tmp_path / "installed"
    info = top / "spoiler-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: spoiler\nVersion: 1.0\n")
    points = {"critics": "spoiling = spoiler:Spoiling", "metrics": "spoiled = spoiler:spoiled"}
    texts = [f"[fmnbench.{group}]\n{point}\n" for group, point in points.items()]
    (info / "entry_points.txt").write_text("\n".join(texts))
    (top / "spoiler.py").write_text(SPOILING + COMPONENTS)
    return [], [top]


@pytest.fixture(params=["as_file", "as_installed"])
def spoiled(request, done_store, tmp_path):
    """Runs the rows of a store once more beside the plug-in; returns both stores' results."""
    more, path = request.getfixturevalue(request.param)
    places = [Path(package.__file__).parents[1], *path]
    chosen = ["--critic", "none", "--critic", "self", "--critic", "spoiling", "--seeds", "1"]
    words = [sys.executable, "-m", "fmnbench", *DIGITS, *chosen, *more, "--store", tmp_path / "s"]
    done = subprocess.run(
        list(map(str, words)),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return by_critic(done_store), by_critic(tmp_path / "s")


def by_critic(folder):
    results, errors = Store(folder).results()
    assert errors == []
    return {result.spec.critic: result for result in results if result.spec.seed == 0}


def test_a_plug_in_that_changes_torch_leaves_built_in_rows_bit_for_bit(spoiled):
    before, after = spoiled
    for critic in ("none", "self"):
        assert after[critic].spec == before[critic].spec
        assert after[critic].curve == before[critic].curve
        assert after[critic].metrics == before[critic].metrics | {"spoiled": 1.5}
        assert list(after[critic].provenance.plugins) in (["spoiling.py"], ["spoiler.py"])
    # its own row shows that it does change them
    assert after["spoiling"].metrics["nll"] != before["none"].metrics["nll"]


def specs(**chosen):
    given = {"suites": ["quick"], "datasets": ["digits"], "critics": ["none"], "epochs": 1}
    return plan(tasks(Selection(**given | chosen)), [0]).specs


@pytest.mark.parametrize("kind", ["dataset", "architecture", "critic", "objective"])
def test_the_file_of_each_kind_of_component_is_in_the_key(kind, tmp_path, registers):
    path = tmp_path / "mine.py"
    path.write_text(EVERY_KIND)
    load_plugin(path)

    def keys():
        (spec,) = specs()
        row = spec.task
        if kind in ("dataset", "architecture"):
            track = dataclasses.replace(row.track, **{kind: "of-mine", f"{kind}_settings": {}})
            row = dataclasses.replace(row, track=track)
        else:
            row = dataclasses.replace(row, **{kind: "of-mine", f"{kind}_settings": {}})
        (ours,) = plan([row], [0]).specs
        return spec.key, ours.key

    builtin, ours = keys()
    path.write_text(EVERY_KIND + "# edited\n")
    assert keys()[0] == builtin
    assert keys()[1] not in (ours, builtin)


def test_a_plug_in_that_was_edited_after_the_plan_fails_its_run(tmp_path, registers):
    path = tmp_path / "mine.py"
    path.write_text(EVERY_KIND)
    load_plugin(path)
    (spec,) = specs(critics=["of-mine"], lambdas=[1.0])
    path.write_text(EVERY_KIND + "# edited\n")
    result = execute(spec, Conditions(), work=tmp_path, report=lambda _epoch, _entry: None)
    assert (result.status, result.error) == (
        "failed",
        "The critic has changed since this run was planned; plan it again.",
    )


def test_a_metric_whose_file_does_not_run_in_a_worker_costs_its_own_value_alone(
    done_store, tmp_path, fmnbench, registers
):
    path = tmp_path / "mine.py"
    only_here = "import multiprocessing\nassert multiprocessing.parent_process() is None\n"
    path.write_text(only_here + "import torch\n" + COMPONENTS)
    chosen = ["--critic", "none", "--seeds", "1", "--plugin", path, "--store", tmp_path / "s"]
    assert fmnbench(*DIGITS, *chosen).code == 0
    result = by_critic(tmp_path / "s")["none"]
    assert result.broken == {"spoiled": "The metric 'spoiled' is broken: AssertionError:"}
    assert result.metrics == by_critic(done_store)["none"].metrics


WANDERING = """
import os

from fmnbench.critics.none import NoCritic
from fmnbench.registry import critics

os.chdir("/")


@critics.register("wandering")
class Wandering(NoCritic):
    '''Goes elsewhere.'''

    def __init__(self, vae):
        super().__init__(vae)
        os.chdir("/")
"""


def test_relative_paths_are_those_of_the_start_whatever_a_component_does(
    tmp_path, fmnbench, registers, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wandering.py").write_text(WANDERING)
    chosen = ["--critic", "wandering", "--plugin", "wandering.py", "--store", "records"]
    for stored in (0, 1):
        done = fmnbench(*DIGITS, *chosen)
        assert (done.code, done.err) == (0, "")
        assert done.out.endswith("1 of 1 run done; their records are in records.\n")
        assert done.out.splitlines()[-2].split()[6:7] == [str(stored)]
        assert Path.cwd() == tmp_path
    assert by_critic(tmp_path / "records")["wandering"].status == "done"
