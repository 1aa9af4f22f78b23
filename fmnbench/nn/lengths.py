"""The lengths of texts that are rows of one width, padded with </s>."""

from jaxtyping import Int, Int64
from torch import Tensor

from fmnbench.data.vocabulary import END_ID


def text_lengths(rows: Int[Tensor, "n t"]) -> Int64[Tensor, " n"]:
    """Returns the number of ids of each text up to its first </s>, including <s> and </s>."""
    return (rows == END_ID).int().argmax(1) + 1
