"""Remedies against posterior collapse: one file each."""

from fmnbench.remedies.base import Batch, Objective, Progress, Remedy, Training

__all__ = ["Batch", "Objective", "Progress", "Remedy", "Training"]
