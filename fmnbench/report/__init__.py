"""Renderers."""

from fmnbench.report.base import Options
from fmnbench.report.formats import FORMATS, render
from fmnbench.report.tabular import frame

__all__ = ["FORMATS", "Options", "frame", "render"]
