"""The bases of datasets and the splits that they load, for architectures, metrics and plug-ins."""

from fmnbench.data.dataset import CachedDataset, CachedTexts, Dataset
from fmnbench.data.splits import Splits, text_splits

__all__ = ["CachedDataset", "CachedTexts", "Dataset", "Splits", "text_splits"]
