"""Likelihood against information of all whole tracks, on one page."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fmnbench.board import Board
from fmnbench.printable import printable
from fmnbench.report.figures.base import method, svg
from fmnbench.report.figures.planes import LEAST, Cloud, clouds, draw_points, draw_without_z, widen
from fmnbench.report.figures.tradeoffs import INFORMATION
from fmnbench.report.overview import group, overview
from fmnbench.spec import Result

if TYPE_CHECKING:  # only who draws waits for it, and needs it installed
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

WIDTH, PANEL = 9.0, 2.6  # inches: of the figure, and of a panel's height
COLUMNS = 3  # panels beside each other, at most
MARGINS = {"left": 0.08, "right": 0.99, "wspace": 0.3, "hspace": 0.45}
TOP, BOTTOM = 0.3, 0.8  # inches; the legend stands at the bottom


def overview_figure(boards: Sequence[Board], results: Sequence[Result]) -> str | None:
    """Returns an SVG with a panel a whole track, None where a page needs no overview.

    The same records give the same bytes.
    """
    found = [(board, clouds(board, results)) for board in boards if group(board) == "track"]
    found = [each for each in found if any(map(INFORMATION, each[1]))]
    if overview(boards) is None or not found:
        return None
    columns = min(COLUMNS, len(found))
    rows = math.ceil(len(found) / columns)
    height = TOP + rows * PANEL + BOTTOM

    def draw(figure: "Figure") -> None:
        panels = figure.subplots(rows, columns, squeeze=False).flat
        figure.subplots_adjust(top=1 - TOP / height, bottom=BOTTOM / height, **MARGINS)
        shown: dict[str, Line2D] = {}
        for axes, (board, drawn) in zip(panels, found, strict=False):
            handles = draw_points(axes, drawn, INFORMATION)
            widen(axes, LEAST)
            draw_without_z(axes, board)
            axes.set_title(printable(board.title), loc="left", fontsize=10)
            shown |= _first_of_methods(drawn, handles)
        for axes in list(figure.axes)[len(found) :]:
            axes.set_axis_off()
        for row in range(rows):
            figure.axes[row * columns].set_ylabel("NLL (nats)")
        for axes in figure.axes[max(0, len(found) - columns) : len(found)]:
            axes.set_xlabel("MI lower (nats)")
        figure.legend(shown.values(), shown.keys(), loc="lower center", ncols=6, frameon=False)

    return svg(draw, (WIDTH, height), "likelihood against information of all tracks")


def _first_of_methods(drawn: Sequence[Cloud], handles: "Sequence[Line2D]") -> "dict[str, Line2D]":
    """Returns a mark for each method, that of its first row."""
    found: dict[str, Line2D] = {}
    for cloud, handle in zip(drawn, handles, strict=True):
        found.setdefault(printable(method(cloud.row)), handle)
    return found
