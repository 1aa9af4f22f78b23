"""A run trained as a whole, and once more cut off and taken up again: the same bits."""

import pytest
import torch

from fmnbench.run import build
from fmnbench.train import train

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
