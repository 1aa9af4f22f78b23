"""Metrics: functions of plain tensors, and the registered numbers of an Evaluation."""

from fmnbench.metrics.active_units import active_units
from fmnbench.metrics.base import Evaluation
from fmnbench.metrics.density_coverage import density_coverage
from fmnbench.metrics.information import minibatch_mutual_information, mutual_information_bounds
from fmnbench.metrics.likelihood import importance_weighted_nll

__all__ = [
    "Evaluation",
    "active_units",
    "density_coverage",
    "importance_weighted_nll",
    "minibatch_mutual_information",
    "mutual_information_bounds",
]
