"""What a board trades for what: likelihood, information, rate, distortion and time."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fmnbench.board import Board
from fmnbench.board.base import TIME
from fmnbench.report.figures.base import FAINT, GREY, PALE, shortened, svg
from fmnbench.report.figures.information import RATE, Curve, curves, draw_curve
from fmnbench.report.figures.planes import (
    DASHES,
    LEAST,
    Cloud,
    by_metrics,
    centre,
    clouds,
    draw_points,
    draw_without_z,
    widen,
)
from fmnbench.report.verdicts import references_without_z
from fmnbench.spec import Result

if TYPE_CHECKING:  # only who draws waits for it, and needs it installed
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

WIDTH, HEIGHT = 8.0, 6.2  # inches, without the legend
LEFT, RIGHT, TOP, BOTTOM = 0.75, 0.15, 0.35, 0.55  # inches around the four panels
BETWEEN = {"wspace": 0.28, "hspace": 0.4}  # of the width and height of a panel
LINE = 0.22  # inches of a line of the legend
NARROW = 32  # characters of a name: the legend has room for two beside each other
WIDE = 100.0  # nats: with a rate beyond it the scale of rates is logarithmic
LINEAR = 1.0  # nats: below it that scale is linear
FREE = 1.1  # times the longest time, so that no mark is cut
SWEPT = "beta"  # the objective whose rows, at several β, are a frontier of rate and distortion
INFORMATION = by_metrics("mi_lower", "nll")
RATE_DISTORTION = by_metrics("kl", "reconstruction")


def tradeoffs_figure(board: Board, results: Sequence[Result]) -> str | None:
    """Returns an SVG of a board's trade-offs, None where no run has a likelihood and a rate.

    The same records give the same bytes.
    """
    drawn = clouds(board, results)
    if not any(RATE_DISTORTION(cloud) for cloud in drawn):
        return None
    names = _names(drawn, board)
    columns = 2 if max(map(len, names)) <= NARROW else 1
    below = LINE * (math.ceil(len(names) / columns) + 0.5)
    height = HEIGHT + below

    def draw(figure: "Figure") -> None:
        panels = figure.subplots(2, 2).flat
        figure.subplots_adjust(
            left=LEFT / WIDTH,
            right=1 - RIGHT / WIDTH,
            top=1 - TOP / height,
            bottom=(below + BOTTOM) / height,
            **BETWEEN,
        )
        handles = [*_draw(list(panels), board, results, drawn), _dashed()]
        figure.legend(
            handles,
            names,
            loc="upper left",
            bbox_to_anchor=(LEFT / WIDTH, below / height),
            borderaxespad=0,
            ncols=columns,
            frameon=False,
        )

    return svg(draw, (WIDTH, height), f"{board.title}: likelihood, information and time")


def _draw(
    panels: "Sequence[Axes]", board: Board, results: Sequence[Result], drawn: Sequence[Cloud]
) -> "list[Line2D]":
    """Returns the marks of the rows, drawn into four panels."""
    information, rate, time, epochs = panels
    handles = draw_points(information, drawn, INFORMATION)
    information.set(xlabel="MI lower (nats)", ylabel="NLL (nats)")
    widen(information, LEAST)
    draw_without_z(information, board)
    draw_points(rate, drawn, RATE_DISTORTION)
    rate.set(xlabel="KL (nats)", ylabel="reconstruction (nats)")
    front = frontier(drawn)
    if front:
        rate.plot(*zip(*front, strict=True), color=GREY, linewidth=1.2, zorder=1)
    draw_points(time, drawn, _time)
    time.set(xlabel="training time (× VAE)", ylabel="NLL (nats)")
    time.set_xlim(0, FREE * max([1.0, *(x for cloud in drawn for x, _ in _time(cloud))]))
    draw_without_z(time, board)
    _draw_epochs(epochs, curves(board, results, RATE))
    return handles


def _draw_epochs(axes: "Axes", drawn: Sequence[Curve]) -> None:
    """Draws rates by epoch, on a scale that is logarithmic where one of them is far off."""
    from matplotlib.ticker import MaxNLocator, SymmetricalLogLocator

    for curve in drawn:
        draw_curve(axes, curve)
    if max((value for curve in drawn for value in curve.highest), default=0.0) > WIDE:
        locator = SymmetricalLogLocator(base=10, linthresh=LINEAR, subs=[1.0, 3.0])
        axes.set_yscale("symlog", linthresh=LINEAR)
        axes.yaxis.set_major_locator(locator)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set(xlabel="epoch", ylabel="KL, validation rows (nats)")
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.grid(visible=True, color=PALE, alpha=FAINT, linewidth=0.7)


def _time(cloud: Cloud) -> list[tuple[float, float]]:
    """Returns one point, the means of a row: its time is a mean of ratios."""
    time, nll = cloud.row.cells[TIME].mean, cloud.row.cells["nll"].mean
    return [] if time is None or nll is None or not cloud.runs or cloud.left_out else [(time, nll)]


def _dashed() -> "Line2D":
    from matplotlib.lines import Line2D

    return Line2D([], [], color=GREY, linestyle=DASHES, linewidth=1.2)


def _names(drawn: Sequence[Cloud], board: Board) -> list[str]:
    """Returns the legend's texts: the rows, with what is left out of them, and what has no z."""
    names = []
    for cloud in drawn:
        label, of = shortened(cloud.row.label), len(cloud.runs) + cloud.left_out
        names.append(f"{label} ({cloud.left_out} of {of} off)" if cloud.left_out else label)
    known = ", ".join(f"{nll:.2f} {label}" for nll, label in references_without_z(board))
    return [*names, f"without z: {known or 'not known'}"]


def frontier(drawn: Sequence[Cloud]) -> list[tuple[float, float]]:
    """Returns rate and distortion of a sweep of β by their rate, the VAE's at β = 1 among them.

    None where there are not two values of β.
    """
    swept = [
        cloud
        for cloud in drawn
        if cloud.row.task.critic == "none" and cloud.row.task.objective in (SWEPT, "elbo")
    ]
    points = [centre(found) for cloud in swept if (found := RATE_DISTORTION(cloud))]
    return sorted(points) if len(points) > 1 else []
