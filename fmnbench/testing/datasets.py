"""The contract of datasets."""

import math

import torch
from torch import Tensor

from fmnbench.data.dataset import class_of
from fmnbench.data.vocabulary import END_ID, START_ID
from fmnbench.datasets.base import Splits
from fmnbench.registry import datasets
from fmnbench.rng import stream
from fmnbench.spec import Setting


def check_dataset(name: str, /, **settings: Setting) -> None:
    """Splits have rows of one width and finite values, repeat bit for bit and do not overlap.

    A `Dataset` may declare how many rows its splits share by nature, as `shared_rows`. Rows of
    texts are ids of words: <s>, the text, and nothing but </s> from the first </s> on.
    """
    make = datasets.get(name)
    splits, again = make(**settings).load(), make(**settings).load()
    parts = _parts(splits)
    for part, other in zip(parts, _parts(again), strict=True):
        assert torch.equal(part, other), f"{name} loads other values the second time"
        assert part.shape[1] == splits.width, f"{name} has rows of different widths"
        assert part.isfinite().all(), f"{name} has values that are not finite"
    rows = [{row.numpy().tobytes() for row in part} for part in parts]
    shared = sum(len(rows[one] & rows[other]) for one, other in ((0, 1), (0, 2), (1, 2)))
    allowed = class_of(make).shared_rows
    assert shared <= allowed, f"{name} has {shared} rows that are in two splits"
    kind = datasets.entry(name).attributes.get("kind", splits.kind)
    assert kind == splits.kind, f"{name} is declared as {kind}; its rows are {splits.kind}"
    if splits.kind == "texts":
        _check_texts(splits, name)
    if splits.kind == "images":
        assert splits.image_shape is not None, f"{name} does not say how large its images are"
        assert math.prod(splits.image_shape) == splits.width
    if splits.rebinarise:
        batch = splits.visit(torch.arange(8), stream(0, "check"))
        assert set(batch.unique().tolist()) <= {0.0, 1.0}, f"{name} does not binarise"


def _check_texts(splits: Splits, name: str) -> None:
    assert splits.vocabulary is not None, f"{name} does not say what words its ids stand for"
    for part in _parts(splits):
        check_ids(part, len(splits.vocabulary), name)


def check_ids(rows: Tensor, words: int, name: str) -> None:
    """Rows are texts: <s>, words of a vocabulary, and nothing but </s> from the first one on."""
    assert rows.dtype == torch.int32, f"{name} has ids of {rows.dtype}"
    inside = bool((rows >= 0).all() and (rows < words).all())
    assert inside, f"{name} has ids that are not in its vocabulary"
    assert (rows[:, 0] == START_ID).all(), f"{name} has texts that do not begin with <s>"
    ends = rows == END_ID
    assert ends.any(1).all(), f"{name} has texts that do not end with </s>"
    assert ends[ends.cumsum(1) > 0].all(), f"{name} has words behind </s>"


def _parts(splits: Splits) -> tuple[Tensor, Tensor, Tensor]:
    return splits.train, splits.validation, splits.test
