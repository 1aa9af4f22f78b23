"""NLL at a given rate: between neighbouring points that were measured, and nowhere else."""

import dataclasses
import itertools
import math
from collections.abc import Sequence

from fmnbench.board.statistics import mean
from fmnbench.board.verdicts import Sample, sample

MOST_LEVELS = 6  # of a table: as many columns as a page has room for
STEPS = (1, 2, 5)  # times a power of ten, between levels
NARROWEST = 1e-6  # of a range, relative above 1 nat: below it rates are one rate


@dataclasses.dataclass(frozen=True, kw_only=True)
class Point:
    """A row's rate and NLL, in nats; values of the same seeds in the same order."""

    label: str
    rate: tuple[float, ...]
    nll: tuple[float, ...]

    @property
    def at(self) -> float:
        """The mean rate."""
        return mean(self.rate)


def at_rate(points: Sequence[Point], rate: float) -> Sample | None:
    """Returns the NLL at a rate, None outside the measured range.

    On the straight line between the two neighbouring mean points; where the curve is convex it is
    at most too high. Its spread is that of the line through each seed, to first order, in which a
    seed's rate counts by the line's slope: so seeds that all points share may correlate.
    """
    ordered = sorted(points, key=lambda point: point.at)
    for low, high in itertools.pairwise(ordered):
        if low.at <= rate <= high.at and is_range(low.at, high.at):
            return _between(low, high, rate)
    return None


def _between(low: Point, high: Point, rate: float) -> Sample:
    width = high.at - low.at
    slope = (mean(high.nll) - mean(low.nll)) / width
    share = (rate - low.at) / width
    ends = [
        [nll - slope * (own - point.at) for own, nll in zip(point.rate, point.nll, strict=True)]
        for point in (low, high)
    ]
    return sample([(1 - share) * a + share * b for a, b in zip(*ends, strict=True)])


def is_range(low: float, high: float) -> bool:
    """Whether two rates differ by more than rounding."""
    return high - low > NARROWEST * max(1.0, abs(high))


def span(points: Sequence[Point]) -> tuple[float, float]:
    """Returns the measured range of rates."""
    rates = [point.at for point in points]
    return min(rates), max(rates)


def levels(spans: Sequence[tuple[float, float]]) -> tuple[float, ...]:
    """Returns round rates that at least two ranges hold, at most MOST_LEVELS, ascending."""
    overlaps = [
        (max(a[0], b[0]), min(a[1], b[1])) for place, a in enumerate(spans) for b in spans[:place]
    ]
    overlaps = [(low, high) for low, high in overlaps if is_range(low, high)]
    if not overlaps:
        return ()
    low, high = min(low for low, _ in overlaps), max(high for _, high in overlaps)
    power = math.floor(math.log10(high - low)) - 1
    for exponent in (power, power + 1, power + 2):
        for step in STEPS:
            size = step * 10.0**exponent
            first, last = math.ceil(low / size), math.floor(high / size)
            if last - first < MOST_LEVELS:
                rounded = (
                    round(number * size, max(0, -exponent)) for number in range(first, last + 1)
                )
                return tuple(rate for rate in rounded if any(a <= rate <= b for a, b in overlaps))
    raise AssertionError("a step of a tenth of the next power of ten leaves few levels")
