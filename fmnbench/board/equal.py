"""Methods at equal information, as plain values."""

import dataclasses
from collections.abc import Mapping

from fmnbench.board.frontier import Point


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reading:
    """An NLL, or a difference of two, at one rate in nats; with that of its 95 % interval.

    `half_width` is None of one seed.
    """

    nll: float
    half_width: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Course:
    """A method's NLL by rate, over one of its settings: its points by rate, and their range.

    `values` are its NLL at the common rates, None outside its range; `differences` those from the
    first method's, None for that itself and where one of the two was not measured.
    """

    label: str
    points: tuple[Point, ...]
    lowest: float
    highest: float
    values: tuple[Reading | None, ...]
    differences: tuple[Reading | None, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class EqualInformation:
    """The methods of a table at common rates; the first is what the others are compared with.

    `levels` are rates in nats, none where no two ranges overlap. `left_out` says by a row's label
    why it is no point of a curve.
    """

    levels: tuple[float, ...]
    courses: tuple[Course, ...]
    left_out: Mapping[str, str]
