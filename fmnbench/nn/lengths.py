"""The lengths of texts that are rows of one width, padded with </s>."""

import torch
from jaxtyping import Int, Int64
from torch import Tensor

from fmnbench.data.vocabulary import END_ID


def text_lengths(rows: Int[Tensor, "n t"]) -> Int64[Tensor, " n"]:
    """Returns the number of ids of each text up to its first </s>, including <s> and </s>.

    A text without </s> was cut off: it is as long as the rows are wide.
    """
    ends = rows == END_ID
    return torch.where(ends.any(1), ends.int().argmax(1) + 1, rows.shape[1])
