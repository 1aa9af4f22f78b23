"""A run trained as a whole, and once more cut off and taken up again: the same bits."""

import math

import pytest
import torch

from fmnbench.planning.plan import resolve
from fmnbench.runs.evaluation import Clock, evaluate
from fmnbench.runs.run import build
from fmnbench.spec import Task
from fmnbench.training.loop import train

CUT_BEHIND = 2  # epochs


class Cut(BaseException):
    """Stands for a kill between two epochs."""


def trained_and_resumed(run, data, folder):
    """Returns the model of the whole training, that of the resumed one, and their curve."""

    def trained(checkpoint, report):
        model = build(run, data)
        return model, train(model, data, run, checkpoint=checkpoint, report=report).curve

    def cut(epoch, entry):
        if epoch == CUT_BEHIND:
            raise Cut

    whole, curve = trained(None, lambda epoch, entry: None)
    path = folder / "checkpoint.pt"
    with pytest.raises(Cut):
        trained(path, cut)
    resumed, resumed_curve = trained(path, lambda epoch, entry: None)
    assert resumed_curve == curve
    for ours, expected in zip(resumed.parameters(), whole.parameters(), strict=True):
        assert torch.equal(ours, expected)
    return whole, resumed, curve


def learned_and_evaluated(track, critic, data, folder, *, share):
    """Returns the metrics and the curve of a run that resumes to the same bits.

    All metrics are finite, and the last reconstruction is below a share of the first.
    """
    run = resolve(Task(track=track, critic=critic, lambda_=1.0 if critic != "none" else 0.0), 0)
    whole, _, curve = trained_and_resumed(run, data, folder)
    assert curve[-1]["reconstruction"] < share * curve[0]["reconstruction"]
    values = evaluate(whole.vae, data, run, Clock()).values
    assert all(math.isfinite(value) for value in values.values())
    return values, curve
