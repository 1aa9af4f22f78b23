"""Objectives: one file each."""

from fmnbench.objectives.base import Objective, Progress

__all__ = ["Objective", "Progress"]
