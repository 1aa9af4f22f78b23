"""Datasets: one file each.

`Splits` is imported when it is first used, since it imports torch: a listing of datasets imports
their files and must not wait for that.
"""

from typing import TYPE_CHECKING

from fmnbench.data.dataset import CachedDataset, CachedTexts, Dataset

if TYPE_CHECKING:
    from fmnbench.data.splits import Splits

__all__ = ["CachedDataset", "CachedTexts", "Dataset", "Splits"]


def __getattr__(name: str) -> object:
    """Returns `Splits`, the only name that is imported late (PEP 562)."""
    if name != "Splits":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fmnbench.data.splits import Splits  # imports torch

    return Splits
