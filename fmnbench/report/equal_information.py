"""What a nat of information costs: a table at common rates, and the curves that it is read off."""

import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fmnbench.board import Board
from fmnbench.board.equal import Course, EqualInformation, Reading
from fmnbench.board.labels import value
from fmnbench.board.statistics import mean
from fmnbench.printable import printable
from fmnbench.records.store import folder_name
from fmnbench.report.base import HOLE, Options
from fmnbench.report.figures import COLORS, GREY, LOOK, MARKERS, PALE, WIDTH
from fmnbench.report.text_table import TextTable
from fmnbench.spec import digest

if TYPE_CHECKING:  # only who draws waits for it, and needs it installed
    from matplotlib.axes import Axes

HEIGHT = 3.8  # inches
READ = (
    "NLL in nats at a given KL, read off the straight line between the two neighbouring means of "
    "a method's own runs: never outside the range in which it was run ({hole}), and where its "
    "curve is convex at most too high. ±: the 95 % interval over the seeds{one}; Δ: the "
    "difference from {first}, with Welch's interval."
)
NONE = "No two methods share a range of KL, so nothing is compared: {ranges}."
ALONE = "Only one method was run at several settings, so nothing is compared: {ranges}."


def equal_information(board: Board) -> TextTable | None:
    """Returns the table, without lines where no rate is common; None where nothing was swept."""
    found = board.equal_information
    if found is None:
        return None
    return TextTable(
        title="What a nat of information costs",
        heads=("at KL (nats)", *(value(rate) for rate in found.levels)) if found.levels else (),
        lines=tuple(_lines(found)) if found.levels else (),
        explained=" ".join(_sentences(found)),
    )


def _lines(found: EqualInformation) -> Sequence[tuple[str, ...]]:
    lines = []
    for course in found.courses:
        lines.append((course.label, *map(_nll, course.values)))
        if any(course.differences):
            lines.append(("Δ", *map(_difference, course.differences)))
    return lines


def _nll(reading: Reading | None) -> str:
    return HOLE if reading is None else f"{reading.nll:.2f}{_width(reading)}"


def _difference(reading: Reading | None) -> str:
    return HOLE if reading is None else f"{reading.nll:+.2f}{_width(reading)}"


def _width(reading: Reading) -> str:
    return "" if reading.half_width is None else f" ± {reading.half_width:.2f}"


def _sentences(found: EqualInformation) -> Sequence[str]:
    if found.levels:
        seeds = len(found.courses[0].points[0].nll)
        one = " (none of one seed)" if seeds == 1 else ""
        first = found.courses[0].label
        sentences = [READ.format(hole=HOLE, one=one, first=first)]
    else:
        why = NONE if len(found.courses) > 1 else ALONE
        sentences = [why.format(ranges="; ".join(map(_range, found.courses)))]
    if found.left_out:
        reasons = [f"{label} ({reason})" for label, reason in found.left_out.items()]
        sentences.append(f"Without a curve: {'; '.join(reasons)}.")
    return sentences


def _range(course: Course) -> str:
    return f"{course.label} from {course.lowest:.3g} to {course.highest:.3g} nats"


def figure_name(board: Board) -> str:
    """Returns the name of a board's curves, its own where two tracks have one name."""
    if board.title == board.track.name:
        return "equal-information.svg"
    return f"equal-information-{digest(board.track.identity)[:8]}.svg"


def equal_information_link(board: Board, options: Options) -> str | None:
    """Returns the link to a board's curves, None where they were not drawn."""
    if board.equal_information is None:
        return None
    return options.figures.get(f"{folder_name(board.track.name)}/{figure_name(board)}")


def equal_information_figure(board: Board) -> str | None:
    """Returns an SVG of NLL by KL, None where nothing was swept.

    The same records give the same bytes, whatever matplotlib is set to.
    """
    found = board.equal_information
    if found is None:
        return None
    import matplotlib
    from matplotlib.figure import Figure

    file = io.StringIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # of a script that the font has not: a box
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(LOOK)
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        axes = figure.add_subplot()
        for place, course in enumerate(found.courses):
            _draw(axes, course, place)
        axes.set_title(printable(board.title), loc="left", fontsize=11)
        axes.set_xlabel("KL (nats)")
        axes.set_ylabel("NLL (nats)")
        axes.grid(visible=True, color=PALE, linewidth=0.7)
        axes.legend(frameon=False, handlelength=3)
        metadata = {
            "Title": f"{printable(board.title)}: NLL by KL",
            "Date": None,
            "Creator": None,
        }
        figure.savefig(file, format="svg", metadata=metadata)
    return file.getvalue()


def _draw(axes: "Axes", course: Course, place: int) -> None:
    """Draws the line through the means, and each seed as a small point."""
    color = COLORS[place % len(COLORS)]
    for point in course.points:
        axes.plot(point.rate, point.nll, ".", color=color, alpha=0.5, markersize=4)
    axes.plot(
        [point.at for point in course.points],
        [mean(point.nll) for point in course.points],
        "-",
        color=color,
        linewidth=1.8,
        marker=MARKERS[place % len(MARKERS)],
        markersize=6,
        markeredgecolor=GREY,
        markeredgewidth=0.5,
        label=printable(course.label),
    )
