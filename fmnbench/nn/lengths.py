"""The lengths of texts that are rows of one width, filled up with </s>."""

from jaxtyping import Int, Int64
from torch import Tensor

from fmnbench.data.vocabulary import END_ID


def text_lengths(rows: Int[Tensor, "n t"]) -> Int64[Tensor, " n"]:
    """Returns the ids of each text up to its first </s>, <s> and </s> among them."""
    return (rows == END_ID).int().argmax(1) + 1
