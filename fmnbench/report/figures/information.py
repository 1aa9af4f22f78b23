"""Information by epoch: Figure 1 of the project report, made from records alone."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fmnbench.board import Board, Row
from fmnbench.board.statistics import mean
from fmnbench.printable import printable
from fmnbench.report.figures.base import FAINT, GREY, PALE, Look, looks, shortened, svg
from fmnbench.report.figures.captions import ceiling
from fmnbench.spec import Result

if TYPE_CHECKING:  # only who draws waits for it, and needs it installed
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

EPOCH, INFORMATION, RATE = "epoch", "validation.mi_batch", "validation.kl"  # names in a curve
LARGEST = 1e6  # nats; what a record has beyond it is no information

WIDTH, AXES_HEIGHT = 8.0, 3.3  # inches: 768 pixels in a browser, as wide as a README's column
LEFT, RIGHT, TOP, BOTTOM = 0.65, 0.15, 0.4, 0.55  # inches around the axes
LINE = 0.21  # inches of a line of the legend
NARROW = 32  # characters of a name: the legend has room for two beside each other
MARKED = 15  # points of a line, at most, that have a marker


@dataclasses.dataclass(frozen=True, kw_only=True)
class Curve:
    """A row's information in nats by epoch, as far as all of its seeds were trained.

    `lowest` and `highest` are those of any seed. `tails` are the values by epoch of the seeds
    that were trained for longer, from the last epoch of all on.
    """

    label: str
    look: Look
    seeds: tuple[int, ...]
    epochs: tuple[float, ...]
    mean: tuple[float, ...]
    lowest: tuple[float, ...]
    highest: tuple[float, ...]
    tails: tuple[Mapping[float, float], ...] = ()


def curves(board: Board, results: Sequence[Result], value: str = INFORMATION) -> list[Curve]:
    """Returns the curves of a board's rows in their order, none where there is no latent.

    `value` is the name in a record's curve of what is drawn, the information by default.

    A row has one if a run of it is done and was validated. Rows that are compared with nothing,
    as they were made from older data or by older versions, have none.
    """
    by_key = {result.spec.key: result for result in results if result.status == "done"}
    rows = [(row, _runs(row, by_key)) for row in board.rows if not row.stale]
    entries = [entry for _, runs in rows for run in runs.values() for entry in run.curve]
    if not any(entry.get(RATE) for entry in entries):  # a collapsed one leaves rounding errors
        return []
    found = [
        _curve(row.label, look, {seed: _points(run, value) for seed, run in runs.items()})
        for (row, runs), look in zip(rows, looks([row for row, _ in rows]), strict=True)
    ]
    return [curve for curve in found if curve is not None]


def information_figure(board: Board, results: Sequence[Result]) -> str | None:
    """Returns an SVG of a board's information by epoch, None where there is none to draw.

    The same records give the same bytes.
    """
    drawn = curves(board, results)
    if not drawn:
        return None
    names = _names(drawn, board)
    lines = math.ceil(len(names) / _columns(names))
    height = TOP + AXES_HEIGHT + BOTTOM + LINE * (lines + 0.5)
    title = f"{board.title}: information between x and z by epoch"
    return svg(lambda figure: _draw(figure, drawn, board), (WIDTH, height), title)


def _runs(row: Row, by_key: Mapping[str, Result]) -> dict[int, Result]:
    return {seed: by_key[key] for seed, key in row.records.items() if key in by_key}


def _points(result: Result, value: str) -> dict[float, float]:
    """Returns a run's value in nats by epoch, where it was validated."""
    epochs = result.spec.track.epochs
    return {
        entry[EPOCH]: entry[value]
        for entry in result.curve
        if 0 < entry.get(EPOCH, math.nan) <= epochs and abs(entry.get(value, math.nan)) <= LARGEST
    }


def _curve(label: str, look: Look, points: Mapping[int, Mapping[float, float]]) -> Curve | None:
    """Returns the curve of a row's points by seed, None where there are none."""
    points = {seed: values for seed, values in points.items() if values}
    if not points:
        return None
    shared = sorted(set.intersection(*(set(values) for values in points.values())))
    columns = [[values[epoch] for values in points.values()] for epoch in shared]
    last = shared[-1] if shared else 0.0
    tails = [
        {epoch: values[epoch] for epoch in sorted(values) if epoch >= last}
        for values in points.values()
    ]
    return Curve(
        label=label,
        look=look,
        seeds=tuple(points),
        epochs=tuple(shared),
        mean=tuple(map(mean, columns)),
        lowest=tuple(map(min, columns)),
        highest=tuple(map(max, columns)),
        tails=tuple(tail for tail in tails if max(tail) > last),
    )


def _draw(figure: "Figure", drawn: Sequence[Curve], board: Board) -> None:
    from matplotlib.ticker import MaxNLocator

    height = figure.get_figheight()
    width, floor = WIDTH - LEFT - RIGHT, height - TOP - AXES_HEIGHT
    axes = figure.add_axes((LEFT / WIDTH, floor / height, width / WIDTH, AXES_HEIGHT / height))
    axes.axhline(0.0, color=GREY, linewidth=0.8)
    top = axes.axhline(ceiling(board), color=GREY, linestyle=(0, (6, 4)), linewidth=1.2)
    handles = [draw_curve(axes, curve) for curve in drawn]
    axes.set_title(printable(board.title), loc="left", fontsize=11)
    axes.set_xlabel("epoch")
    axes.set_ylabel("MI batch, validation rows (nats)")
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.grid(visible=True, color=PALE, alpha=FAINT, linewidth=0.7)
    names = _names(drawn, board)
    figure.legend(
        [*handles, top],
        names,
        loc="upper left",
        bbox_to_anchor=(LEFT / WIDTH, (floor - BOTTOM) / height),
        borderaxespad=0,
        ncols=_columns(names),
        frameon=False,
        handlelength=3,
    )


def draw_curve(axes: "Axes", curve: Curve) -> "Line2D":
    """Returns the line of a mean, drawn with its band and what single seeds show after it."""
    look = curve.look
    x, every = curve.epochs, max(1, math.ceil(len(curve.epochs) / MARKED))
    if len(curve.seeds) > 1:
        axes.fill_between(x, curve.lowest, curve.highest, color=look.color, alpha=0.2, linewidth=0)
    for tail in curve.tails:
        axes.plot(list(tail), list(tail.values()), look.style, color=look.color, linewidth=0.8)
    (line,) = axes.plot(
        x,
        curve.mean,
        look.style,
        color=look.color,
        linewidth=1.8,
        marker=look.marker,
        fillstyle=look.fill,
        markersize=5,
        markevery=every,
    )
    return line


def _names(drawn: Sequence[Curve], board: Board) -> list[str]:
    """Returns the legend's texts: the curves, with n where seeds are missing, and the ceiling."""
    names = []
    for curve in drawn:
        label = shortened(curve.label)
        n, of = len(curve.seeds), len(board.seeds)
        names.append(label if n == of else f"{label} ({n} of {of} seeds)")
    return [*names, f"ceiling: log {board.track.batch_size} = {ceiling(board):.2f} nats"]


def _columns(names: Sequence[str]) -> int:
    """Returns into how many columns the legend's names fit."""
    return 2 if max(map(len, names)) <= NARROW else 1
