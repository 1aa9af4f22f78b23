"""Runs of an mlp on a few normal rows, trained in this process: milliseconds each."""

import dataclasses

import torch

from fmnbench.datasets.base import Splits
from fmnbench.planning.plan import resolve
from fmnbench.rng import stream
from fmnbench.runs.run import build
from fmnbench.spec import Task, Track
from fmnbench.training.loop import train

QUIET = lambda epoch, entry: None  # noqa: E731 - a listener that hears nothing


def rows(n, purpose, grey=False):
    values = torch.empty(n, 6).normal_(generator=stream(0, purpose))
    return values.sigmoid() if grey else values


def splits(n=50, grey=False):
    parts = [rows(n, "train", grey), rows(20, "validation", grey), rows(20, "test", grey)]
    return Splits(
        train=parts[0], validation=parts[1], test=parts[2], kind="vectors", rebinarise=grey
    )


def spec(critic="none", seed=0, lambda_=1.0, **changes):
    track = Track(
        name="tiny",
        dataset="toy",
        architecture="mlp",
        architecture_settings={"hidden": (16, 12), "latent": 3},
        epochs=4,
        batch_size=16,
        learning_rate=1e-2,
    )
    task = Task(track=dataclasses.replace(track, **changes), critic=critic, lambda_=lambda_)
    return resolve(task, seed)


def trained(data, run, checkpoint=None, report=QUIET):
    model = build(run, data)
    progression = train(model, data, run, checkpoint=checkpoint, report=report)
    return model, progression


def weights(model):
    return torch.cat([weight.flatten() for weight in model.parameters()])
