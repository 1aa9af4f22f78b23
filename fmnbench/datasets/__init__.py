"""Datasets: one file each."""

from fmnbench.datasets.base import Dataset, Splits

__all__ = ["Dataset", "Splits"]
