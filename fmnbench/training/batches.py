"""The batches of an epoch: all training rows in a new order, or texts of like length together."""

import torch
from jaxtyping import Int
from torch import Generator, Tensor

from fmnbench.datasets.base import Splits
from fmnbench.errors import Declined
from fmnbench.nn.lengths import text_lengths


def shuffled(
    splits: Splits, size: int, generator: Generator, *, length_pool: int | None = None
) -> list[Int[Tensor, " b"]]:
    """Returns the training rows of each batch of an epoch, on the splits' device.

    Every row once, in random order; the last short batch is kept. With a `length_pool`, texts of
    so many random batches are put together by length before they are batches, and the order of
    these is random too: it is which texts of a pool meet that is not. One pool for all makes
    batches of one length, as in He et al. (2019). Raises Declined for a pool of other rows.
    """
    order = torch.randperm(len(splits.train), generator=generator)
    if length_pool is None:
        return list(order.to(splits.train.device).split(size))
    if splits.kind != "texts":
        raise Declined(f"batches by length take texts, not {splits.kind}")
    lengths = text_lengths(splits.train).cpu()
    pools = order.split(size * length_pool)
    by_length = torch.cat([rows[lengths[rows].argsort(stable=True)] for rows in pools])
    batches = by_length.to(splits.train.device).split(size)
    turns = torch.randperm(len(batches), generator=generator)
    return [batches[turn] for turn in turns.tolist()]
