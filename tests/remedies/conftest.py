"""Batches of a small VAE, and trainings with a remedy."""

import dataclasses

import pytest
import torch
from tiny_runs import spec, splits, trained

from fmnbench.planning.plan import resolve
from fmnbench.remedies import Batch, Progress
from fmnbench.rng import stream
from fmnbench.runs.run import build


@pytest.fixture
def run_with():
    """Returns a function: a remedy with settings to a spec on the small mlp."""

    def make(name, settings=None, critic="none", lambda_=1.0, **track):
        plain = spec(critic, lambda_=lambda_, **track)
        row = dataclasses.replace(plain.task, objective=name, objective_settings=settings or {})
        return resolve(row, 0)

    return make


@pytest.fixture
def trained_with(run_with):
    """Returns a function: a remedy with settings to its trained model and its curve."""

    def make(name, settings=None, data=None, **given):
        run = run_with(name, settings, **given)
        model, progression = trained(data or splits(), run)
        return model, progression.curve

    return make


@pytest.fixture
def batch_of(run_with):
    """Returns a function: a remedy with settings to the untrained remedy and a batch."""

    def make(name, settings=None, rows=16, epoch=0.0, epochs=1):
        data = splits()
        model = build(run_with(name, settings), data)
        progress = Progress(step=0, epoch=epoch, epochs=epochs, rows=len(data.train))
        with torch.enable_grad():
            batch = Batch(
                model.vae, data.train[:rows], noise=stream(0, "batch"), progress=progress
            )
        return model.remedy, batch

    return make
