"""Whether a model fits its data and what can be measured of it: found out before training."""

import torch
from torch import Tensor

from fmnbench.architectures.base import VAE
from fmnbench.datasets.base import Splits
from fmnbench.errors import Declined
from fmnbench.nn.distributions import AutoregressiveBernoulli, DiagonalNormal, IndependentBernoulli

FEW = 2  # training rows that are encoded to see of what kind the posterior is


@torch.no_grad()
def require_fitting(vae: VAE, splits: Splits, name: str) -> None:
    """Raises Declined where an architecture, by its `name`, cannot be trained or measured.

    Its posterior must be a diagonal normal and its prior the standard one, since the metrics
    measure no others; a likelihood of bits takes bits alone.
    """
    was_training = vae.training
    vae.eval()
    posterior = vae.encode(splits.train[:FEW])
    likelihood = vae.decode(splits.train.new_zeros((1, vae.latent), dtype=_dtype(vae)))
    vae.train(was_training)
    if type(posterior) is not DiagonalNormal:
        raise Declined(
            f"{name} has a {type(posterior).__name__} as posterior; metrics measure a "
            "DiagonalNormal alone"
        )
    prior = vae.prior
    if type(prior) is not DiagonalNormal or prior.mean.any() or prior.log_variance.any():
        raise Declined(f"{name} has a prior of its own; metrics measure the standard normal alone")
    if isinstance(likelihood, IndependentBernoulli | AutoregressiveBernoulli):
        _require_bits(splits, name)


def _require_bits(splits: Splits, name: str) -> None:
    for part in splits.parts:
        rows: Tensor = getattr(splits, part)
        grey = part == "train" and splits.rebinarise
        allowed = (rows >= 0) & (rows <= 1) if grey else (rows == 0) | (rows == 1)
        if not allowed.all():
            span = f"{rows.min().item():g} to {rows.max().item():g}"
            kind = "shares from 0 to 1" if grey else "bits, 0 or 1"
            raise Declined(
                f"{name} has a Bernoulli likelihood, which takes {kind}; the {part} rows have "
                f"values from {span}"
            )


def _dtype(vae: VAE) -> torch.dtype:
    return next(vae.parameters()).dtype
