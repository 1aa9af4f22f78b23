"""The name that plug-ins know remedies by which only weigh the two terms of the ELBO."""

from fmnbench.objectives.base import Objective, Progress

__all__ = ["Objective", "Progress"]
