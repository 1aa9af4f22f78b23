"""The contract of objectives."""

import torch

from fmnbench.objectives.base import Progress
from fmnbench.registry import objectives
from fmnbench.rng import stream

ROWS = 32


def check_objective(name: str) -> None:
    """Each row has one finite loss of its own; reconstruction always counts."""
    objective = objectives.get(name)()
    reconstruction = torch.empty(ROWS).normal_(generator=stream(0, "check/reconstruction"))
    reconstruction.requires_grad_()
    kl = torch.empty(ROWS, 3).exponential_(generator=stream(0, "check/kl"))
    loss = objective(reconstruction, kl, Progress(step=0, epoch=0.0))
    assert loss.shape == (ROWS,), f"{name}'s loss has shape {tuple(loss.shape)}, not one per row"
    assert loss.isfinite().all(), f"{name}'s loss is not finite"
    (gradient,) = torch.autograd.grad(loss.sum(), reconstruction)
    assert (gradient != 0).all(), f"{name} does not learn to reconstruct"
