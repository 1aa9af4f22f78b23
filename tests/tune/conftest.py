import math

import pytest
from made_up_runs import MadeUp

from fmnbench.runs.executors.base import EXECUTORS, RunOptions
from fmnbench.seeds import TUNING
from fmnbench.spec import Task, Track
from fmnbench.tune.definition import Definition
from fmnbench.tune.goals import goal_of
from fmnbench.tune.search import search
from fmnbench.tune.space import space_of

TRACK = Track(
    name="made-up",
    dataset="digits",
    architecture="mlp",
    architecture_settings={"hidden": (8,), "latent": 2, "likelihood": "bernoulli"},
    epochs=1,
    batch_size=64,
    learning_rate=1e-3,
)
TASK = Task(track=TRACK, critic="self", lambda_=1.0)


@pytest.fixture
def define():
    """Returns a builder of studies of the self critic."""

    def build(trials=10, seeds=1, goal="front", space=(), task=TASK):
        return Definition(
            task=task,
            space=space_of(task, space),
            seeds=tuple(range(TUNING, TUNING + seeds)),
            trials=trials,
            goal=goal_of(goal),
        )

    return build


@pytest.fixture
def made_up(monkeypatch):
    """Puts the executor of made-up runs in the place of the local one; returns its class."""
    monkeypatch.setitem(EXECUTORS, "local", "made_up_runs:MadeUp")
    monkeypatch.setattr(MadeUp, "ran", [])
    monkeypatch.setattr(MadeUp, "batches", [])
    monkeypatch.setattr(MadeUp, "stop_after", math.inf)
    monkeypatch.setattr(MadeUp, "ending", staticmethod(lambda spec: "done"))
    return MadeUp


@pytest.fixture
def tune(made_up):
    """Returns a function that carries out a study in a folder with made-up runs."""

    def run(definition, folder, jobs=1, told=lambda _study: None):
        options = RunOptions(store=folder, jobs=jobs)
        return search(definition, options, lambda _event: None, told)

    return run
