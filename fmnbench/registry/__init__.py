"""The registers of components, their declarations and their settings. No torch."""

from fmnbench.registry.declarations import BUILT_IN, Entry
from fmnbench.registry.plugins import declare_plugin, load_plugin
from fmnbench.registry.ranges import Range
from fmnbench.registry.registers import (
    REGISTRIES,
    Registry,
    architectures,
    critics,
    datasets,
    metrics,
    objectives,
    remedies,
)
from fmnbench.registry.settings import Count, Later, NotNegative, Positive, Share

__all__ = [
    "BUILT_IN",
    "REGISTRIES",
    "Count",
    "Entry",
    "Later",
    "NotNegative",
    "Positive",
    "Range",
    "Registry",
    "Share",
    "architectures",
    "critics",
    "datasets",
    "declare_plugin",
    "load_plugin",
    "metrics",
    "objectives",
    "remedies",
]
