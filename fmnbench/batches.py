"""The batches of an epoch: all training rows in a new order, texts of like length together."""

import torch
from jaxtyping import Int
from torch import Generator, Tensor

from fmnbench.datasets.base import Splits
from fmnbench.errors import Declined
from fmnbench.lengths import text_lengths


def shuffled(
    splits: Splits, size: int, generator: Generator, *, by_length: bool = False
) -> list[Int[Tensor, " b"]]:
    """Returns the training rows of each batch of an epoch, on the splits' device.

    Every row once, in random order; the last short batch is kept. With `by_length` a batch has
    texts that are about equally long, in random order too, as in He et al. (2019): it is which
    texts meet that is not random. Raises Declined by length where rows are no texts.
    """
    order = torch.randperm(len(splits.train), generator=generator)
    if not by_length:
        return list(order.to(splits.train.device).split(size))
    if splits.kind != "texts":
        raise Declined(f"batches by length take texts, not {splits.kind}")
    lengths = text_lengths(splits.train).cpu()[order]
    batches = order[lengths.argsort(stable=True)].to(splits.train.device).split(size)
    turns = torch.randperm(len(batches), generator=generator)
    return [batches[turn] for turn in turns.tolist()]
