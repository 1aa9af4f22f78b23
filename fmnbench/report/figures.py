"""Information by epoch as an SVG: Figure 1 of the project report, made from records alone."""

import dataclasses
import io
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fmnbench.board import Board, Row
from fmnbench.board.statistics import mean
from fmnbench.printable import printable
from fmnbench.records.store import folder_name
from fmnbench.report.base import Options
from fmnbench.spec import Result, digest

if TYPE_CHECKING:  # only who draws waits for it, and needs it installed
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.typing import RcKeyType

EPOCH, INFORMATION, RATE = "epoch", "validation.mi_batch", "validation.kl"  # names in a curve
ALT = "information by epoch"  # stands for the figure where images are not shown
LARGEST = 1e6  # nats; what a record has beyond it is no information

WIDTH, AXES_HEIGHT = 8.0, 3.3  # inches: 768 pixels in a browser, as wide as a README's column
LEFT, RIGHT, TOP, BOTTOM = 0.65, 0.15, 0.4, 0.55  # inches around the axes
LINE = 0.21  # inches of a line of the legend
# Okabe & Ito 2008, safe for the colour-blind; without their yellow, which is pale on white
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
STYLES = ("-", "--", "-.", ":")  # one for each turn through the colours
GREY, PALE = "#595959", "#E5E5E5"  # of the ceiling, and of the grid
NARROW = 32  # characters of a name: the legend has room for two beside each other
LONGEST, KEPT = 56, 20  # characters of a name, and of its end where it is cut
MARKED = 15  # points of a line, at most, that have a marker
LOOK: "dict[RcKeyType, object]" = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, which prefers its own file
    "font.size": 10,  # points
    "svg.fonttype": "path",  # outlines: a reader's machine need not have the font
    "svg.hashsalt": "fmnbench",  # the same identifiers each time
    "text.parse_math": False,  # a name may contain dollars
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Curve:
    """A row's information in nats by epoch, as far as all of its seeds were trained.

    `lowest` and `highest` are those of any seed. `tails` are the values by epoch of the seeds
    that were trained for longer, from the last epoch of all on.
    """

    label: str
    seeds: tuple[int, ...]
    epochs: tuple[float, ...]
    mean: tuple[float, ...]
    lowest: tuple[float, ...]
    highest: tuple[float, ...]
    tails: tuple[Mapping[float, float], ...] = ()


def curves(board: Board, results: Sequence[Result]) -> list[Curve]:
    """Returns the curves of a board's rows in their order, none where there is no latent.

    A row has one if a run of it is done and was validated. Rows that are compared with nothing,
    as they were made from older data or by older versions, have none.
    """
    by_key = {result.spec.key: result for result in results if result.status == "done"}
    rows = [(row, _runs(row, by_key)) for row in board.rows if not row.stale]
    entries = [entry for _, runs in rows for run in runs.values() for entry in run.curve]
    if not any(entry.get(RATE) for entry in entries):  # a collapsed one leaves rounding errors
        return []
    found = [
        _curve(row.label, {seed: _points(run) for seed, run in runs.items()}) for row, runs in rows
    ]
    return [curve for curve in found if curve is not None]


def ceiling(board: Board) -> float:
    """Returns what the information within minibatches cannot exceed in expectation, in nats."""
    return math.log(board.track.batch_size)


def file_name(board: Board) -> str:
    """Returns the name of a board's figure, its own where two tracks have one name."""
    if board.title == board.track.name:
        return "information.svg"
    return f"information-{digest(board.track.identity)[:8]}.svg"


def figure_link(board: Board, options: Options) -> str | None:
    """Returns the link to a board's figure, None where it was not drawn.

    None of the protocol as-published: it shows the same runs again.
    """
    if board.protocol == "as-published" or not board.seeds:
        return None
    return options.figures.get(f"{folder_name(board.track.name)}/{file_name(board)}")


def caption(board: Board) -> str:
    """Returns what a board's figure shows."""
    n = len(board.seeds)
    of = f"n = {n} seed{'s' * (n > 1)} ({', '.join(map(str, board.seeds))})"
    parts = [
        "Mutual information between x and z by epoch, in nats: the estimate within minibatches "
        "of the validation rows (He et al. 2019), in expectation at most log batch size = "
        f"log {board.track.batch_size} = {ceiling(board):.2f} (dashed)."
    ]
    if n == 1:
        parts.append(f"Values of {of}.")
    else:
        parts.append(
            f"Line: mean over {of}, or over fewer where the legend says so; band: range of the "
            "seeds. After the first seed has stopped, thin lines show the other seeds."
        )
    return " ".join(parts)


def information_figure(board: Board, results: Sequence[Result]) -> str | None:
    """Returns an SVG of a board's information by epoch, None where there is none to draw.

    The same records give the same bytes, whatever matplotlib is set to.
    """
    drawn = curves(board, results)
    if not drawn:
        return None
    import matplotlib
    from matplotlib.figure import Figure

    names = _names(drawn, board)
    lines = math.ceil(len(names) / _columns(names))
    height = TOP + AXES_HEIGHT + BOTTOM + LINE * (lines + 0.5)
    file = io.StringIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # of a script that the font has not: a box
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(LOOK)
        figure = Figure(figsize=(WIDTH, height))
        _draw(figure, drawn, board)
        title = f"{printable(board.title)}: information between x and z by epoch"
        metadata = {"Title": title, "Date": None, "Creator": None}
        figure.savefig(file, format="svg", metadata=metadata)
    return file.getvalue()


def _runs(row: Row, by_key: Mapping[str, Result]) -> dict[int, Result]:
    return {seed: by_key[key] for seed, key in row.records.items() if key in by_key}


def _points(result: Result) -> dict[float, float]:
    """Returns a run's information in nats by epoch, where it was validated."""
    epochs = result.spec.track.epochs
    return {
        entry[EPOCH]: entry[INFORMATION]
        for entry in result.curve
        if 0 < entry.get(EPOCH, math.nan) <= epochs
        and abs(entry.get(INFORMATION, math.nan)) <= LARGEST
    }


def _curve(label: str, points: Mapping[int, Mapping[float, float]]) -> Curve | None:
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
    handles = [_draw_curve(axes, curve, place) for place, curve in enumerate(drawn)]
    axes.set_title(printable(board.title), loc="left", fontsize=11)
    axes.set_xlabel("epoch")
    axes.set_ylabel("MI batch, validation rows (nats)")
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.grid(visible=True, color=PALE, linewidth=0.7)
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


def _draw_curve(axes: "Axes", curve: Curve, place: int) -> "Line2D":
    """Returns the line of a mean, drawn with its band and what single seeds show after it."""
    turn, number = divmod(place, len(COLORS))
    color, marker, style = COLORS[number], MARKERS[number], STYLES[turn % len(STYLES)]
    x, every = curve.epochs, max(1, math.ceil(len(curve.epochs) / MARKED))
    if len(curve.seeds) > 1:
        axes.fill_between(x, curve.lowest, curve.highest, color=color, alpha=0.2, linewidth=0)
    for tail in curve.tails:
        axes.plot(list(tail), list(tail.values()), style, color=color, linewidth=0.8)
    (line,) = axes.plot(
        x,
        curve.mean,
        style,
        color=color,
        linewidth=1.8,
        marker=marker,
        markersize=5,
        markevery=every,
    )
    return line


def _names(drawn: Sequence[Curve], board: Board) -> list[str]:
    """Returns the legend's texts: the curves, with n where seeds are missing, and the ceiling."""
    names = []
    for curve in drawn:
        label = printable(curve.label)
        if len(label) > LONGEST:  # λ stands at the end
            label = f"{label[: LONGEST - KEPT]}…{label[-KEPT:]}"
        n, of = len(curve.seeds), len(board.seeds)
        names.append(label if n == of else f"{label} ({n} of {of} seeds)")
    return [*names, f"ceiling: log {board.track.batch_size} = {ceiling(board):.2f} nats"]


def _columns(names: Sequence[str]) -> int:
    """Returns into how many columns the legend's names fit."""
    return 2 if max(map(len, names)) <= NARROW else 1
