"""NLL by KL of methods that were run at several settings."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fmnbench.board import Board
from fmnbench.board.equal import Course
from fmnbench.board.statistics import mean
from fmnbench.printable import printable
from fmnbench.report.figures.base import FAINT, PALE, Look, looks, shortened, svg
from fmnbench.spec import Result

if TYPE_CHECKING:  # only who draws waits for it, and needs it installed
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (8.0, 3.8)  # inches


def equal_information_figure(board: Board, results: Sequence[Result] = ()) -> str | None:  # noqa: ARG001, RUF100 - the figures' signature
    """Returns an SVG of NLL by KL, None where nothing was swept.

    The same records give the same bytes.
    """
    found = board.equal_information
    if found is None:
        return None
    by_label = {row.label: row for row in board.rows}
    firsts = [by_label[course.points[0].label] for course in found.courses]

    def draw(figure: "Figure") -> None:
        figure.set_layout_engine("constrained")
        axes = figure.add_subplot()
        for course, look in zip(found.courses, looks(firsts), strict=True):
            _draw(axes, course, look)
        axes.set_title(printable(board.title), loc="left", fontsize=11)
        axes.set(xlabel="KL (nats)", ylabel="NLL (nats)")
        axes.grid(visible=True, color=PALE, alpha=FAINT, linewidth=0.7)
        axes.legend(frameon=False, handlelength=3)

    return svg(draw, SIZE, f"{board.title}: NLL by KL")


def _draw(axes: "Axes", course: Course, look: Look) -> None:
    """Draws the line through the means, and each seed as a small point."""
    for point in course.points:
        axes.plot(point.rate, point.nll, ".", color=look.color, alpha=0.55, markersize=4)
    axes.plot(
        [point.at for point in course.points],
        [mean(point.nll) for point in course.points],
        look.style,
        color=look.color,
        linewidth=1.8,
        marker=look.marker,
        fillstyle=look.fill,
        markersize=6,
        label=shortened(course.label),
    )
