"""Runs as points in a plane of two numbers, and how such a plane is drawn."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from fmnbench.board import Board, Row
from fmnbench.board.limits import within_limits
from fmnbench.board.statistics import mean
from fmnbench.report.figures.base import FAINT, GREY, PALE, Look, looks
from fmnbench.report.verdicts import references_without_z
from fmnbench.spec import Result

if TYPE_CHECKING:  # only who draws waits for it, and needs it installed
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

NEAR = 1.0  # a line of reference is drawn where it is within so many heights of the points
FAR = 0.1  # of a constant prediction's NLL: runs that much worse are not drawn
LEAST = 0.5  # nats: an axis of information is at least so long
DASHES = (0, (6, 4))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cloud:
    """A row with its runs that are drawn, by seed, and how many are left out."""

    row: Row
    look: Look
    runs: Mapping[int, Result]
    left_out: int = 0


Point = Callable[[Cloud], list[tuple[float, float]]]


def clouds(board: Board, results: Sequence[Result]) -> list[Cloud]:
    """Returns the rows of a board with their runs that are done, in its order.

    Runs that are far worse than a constant prediction would stretch the axes: they are left out.
    So are rows that are compared with nothing.
    """
    by_key = {result.spec.key: result for result in results if result.status == "done"}
    rows = [row for row in board.rows if not row.stale]
    runs = [
        {seed: within_limits(by_key[key]) for seed, key in row.records.items() if key in by_key}
        for row in rows
    ]
    shown = [{seed: run for seed, run in each.items() if not _is_far(run)} for each in runs]
    return [
        Cloud(row=row, look=look, runs=kept, left_out=len(every) - len(kept))
        for row, look, kept, every in zip(rows, looks(rows), shown, runs, strict=True)
    ]


def _is_far(run: Result) -> bool:
    nll, constant = run.metrics.get("nll"), run.metrics.get("reference.nll")
    return nll is not None and constant is not None and nll > constant + FAR * abs(constant)


def by_metrics(x: str, y: str) -> Point:
    """Returns a function of the points of a row: the metrics of its runs that have both."""

    def points(cloud: Cloud) -> list[tuple[float, float]]:
        pairs = [(run.metrics.get(x), run.metrics.get(y)) for run in cloud.runs.values()]
        return [
            (a, b)
            for a, b in pairs
            if a is not None and b is not None and math.isfinite(a) and math.isfinite(b)
        ]

    return points


def centre(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Returns the mean of at least one point."""
    return mean([x for x, _ in points]), mean([y for _, y in points])


def draw_points(axes: "Axes", drawn: Sequence[Cloud], point: Point) -> "list[Line2D]":
    """Returns the marks of the rows' means, drawn with a small one for each seed."""
    handles = []
    for cloud in drawn:
        look, points = cloud.look, point(cloud)
        if len(points) > 1:
            x, y = zip(*points, strict=True)
            axes.plot(x, y, look.marker, color=look.color, markersize=4, alpha=0.55)
        mean_x, mean_y = ([value] for value in centre(points)) if points else ([], [])
        (line,) = axes.plot(
            mean_x,
            mean_y,
            look.marker,
            color=look.color,
            fillstyle=look.fill,
            markersize=9,
        )
        handles.append(line)
    axes.grid(visible=True, color=PALE, alpha=FAINT, linewidth=0.7)
    return handles


def widen(axes: "Axes", least: float) -> None:
    """Makes an axis of x at least so long, around its middle."""
    low, high = axes.get_xlim()
    if high - low < least:
        middle = (low + high) / 2
        axes.set_xlim(middle - least / 2, middle + least / 2)


def draw_without_z(axes: "Axes", board: Board) -> None:
    """Draws the NLL of each model without a latent, where it is near to the points."""
    low, high = axes.get_ylim()
    for nll, _ in references_without_z(board):
        if low - NEAR * (high - low) < nll < high + NEAR * (high - low):
            axes.axhline(nll, color=GREY, linestyle=DASHES, linewidth=1.2)
