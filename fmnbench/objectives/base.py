"""The module in which older plug-ins find what they derive from."""

from fmnbench.remedies.base import Objective, Progress

__all__ = ["Objective", "Progress"]
