"""Figures of boards as SVG: the same bytes for the same records, readable in light and dark."""

from fmnbench.report.figures.equal_information import equal_information_figure
from fmnbench.report.figures.information import information_figure
from fmnbench.report.figures.overview import overview_figure
from fmnbench.report.figures.tradeoffs import tradeoffs_figure

__all__ = ["equal_information_figure", "information_figure", "overview_figure", "tradeoffs_figure"]
