"""What a nat of information costs: a table at common rates."""

from collections.abc import Sequence

from fmnbench.board import Board
from fmnbench.board.equal import Course, EqualInformation, Reading
from fmnbench.board.labels import value
from fmnbench.report.base import TextTable
from fmnbench.report.cells import HOLE
from fmnbench.report.numbers import within

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
    return HOLE if reading is None else f"{reading.nll:.2f}{within(reading.half_width)}"


def _difference(reading: Reading | None) -> str:
    return HOLE if reading is None else f"{reading.nll:+.2f}{within(reading.half_width)}"


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
