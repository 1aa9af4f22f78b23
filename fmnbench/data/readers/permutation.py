"""A fixed order of rows: what a split of a dataset is drawn with, the same for everybody."""

import numpy as np
from jaxtyping import Int64

from fmnbench.seeds import derived_seed


def permutation(rows: int, purpose: str) -> Int64[np.ndarray, " rows"]:
    """Returns 0 ... rows - 1 in an order that depends on the number and the purpose alone.

    It ranks the raw output of PCG64, which NumPy keeps the same in all versions; what its
    `permutation` makes of that output may change (NEP 19).
    """
    return np.argsort(
        np.random.PCG64(derived_seed(0, purpose)).random_raw(rows), kind="stable"
    ).astype(np.int64)


def held_out(
    rows: int, validation: int, purpose: str
) -> tuple[Int64[np.ndarray, " train"], Int64[np.ndarray, " validation"]]:
    """Returns the rows that train and those that validate: the last of a fixed permutation."""
    assert 0 < validation < rows
    order = permutation(rows, purpose)
    return order[: rows - validation], order[rows - validation :]
