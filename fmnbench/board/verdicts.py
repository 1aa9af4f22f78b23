"""Verdicts over a few seeds: Welch's interval, and better, worse, same or open beside a baseline.

The unit is a run. Rows are not paired by seed: their values hardly correlate, and pairing halves
the degrees of freedom.
"""

import bisect
import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Literal

from fmnbench.board.statistics import holm, mean, std

Verdict = Literal["better", "worse", "same", "open"]
ERROR = 0.05  # of verdicts and of bold sets, over all rows of a table, unless a reader chooses
# nats of difference from the plain VAE that count as none, where a suite states no others
MARGINS = {"nll": 0.5, "mi_lower": 0.25}
MARGINS_OF_TEXTS = {"nll": 1.0, "mi_lower": 0.25}
POWER = 0.8  # at which the seeds that would decide a contrast are counted
MOST_SEEDS = 1000  # beyond it no number of seeds is given


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """What is known of a row's values of one metric: their number, mean and sample std.

    The std is None of a single value, and where a publication has none.
    """

    n: int
    mean: float
    std: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule:
    """By what rows are judged: the differences that count as none, by metric, and the error."""

    margins: Mapping[str, float]
    error: float = ERROR


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contrast:
    """A row beside the baseline of its table.

    `difference` is row − baseline, `half_width` that of its Welch interval, None where a row
    has one seed or neither row has a spread. `seeds` would decide an open contrast, None if more
    than MOST_SEEDS or unknown.
    """

    difference: float
    half_width: float | None
    verdict: Verdict
    seeds: int | None = None


def sample(values: Sequence[float]) -> Sample:
    """Returns the number, mean and sample std of at least one value."""
    return Sample(n=len(values), mean=mean(values), std=std(values, population=False))


def contrasts(
    baseline: Sample,
    rows: Sequence[Sample],
    *,
    lower_is_better: bool,
    margin: float,
    error: float = ERROR,
) -> list[Contrast]:
    """Returns each row's contrast with the baseline, at an error of 5 % over all rows.

    At another `error` its interval has the level 1 − error. *Same*: the interval of the level
    1 − 2 · error lies within ± margin (Schuirmann 1987); this comes first, so a difference that
    is real but smaller than the margin is *same*. *Better* and *worse*: the two-sided Welch test
    after Holm's correction. Else *open*.
    """
    p_values = holm([p_value(row, baseline) for row in rows])
    found = []
    for row, p in zip(rows, p_values, strict=True):
        difference = row.mean - baseline.mean
        width = half_width(row, baseline, level=1 - error)
        narrow = half_width(row, baseline, level=1 - 2 * error)
        verdict: Verdict = "open"
        if narrow is not None and abs(difference) + narrow <= margin:
            verdict = "same"
        elif p < error:
            verdict = "better" if (difference < 0) == lower_is_better else "worse"
        seeds = deciding_seeds(row, baseline, margin, error) if verdict == "open" else None
        found.append(
            Contrast(difference=difference, half_width=width, verdict=verdict, seeds=seeds)
        )
    return found


def best_set(rows: Sequence[Sample], *, lower_is_better: bool, error: float = ERROR) -> list[bool]:
    """Returns for each row whether it is in a set that holds the best one with 95 % confidence.

    A row is left out where some other row is better: one-sided Welch test at 5 % divided by the
    number of other rows (subset selection, Gupta 1965). A row of one seed is in the set.
    """
    level = error / max(1, len(rows) - 1)
    sign = 1 if lower_is_better else -1
    return [
        not any(
            sign * (row.mean - rival.mean) > 0 and p_value(row, rival) / 2 < level
            for rival in rows
        )
        for row in rows
    ]


def half_width(*samples: Sample, level: float = 0.95) -> float | None:
    """Returns the half-width of the Welch interval of a sum or difference of means.

    None where a std is unknown, or all are 0. Source: Welch 1947, the degrees of freedom by
    Satterthwaite.
    """
    found = standard_error(*samples)
    if found is None:
        return None
    error, freedom = found
    from scipy.special import stdtrit  # 0.2 s that listings and plans need not wait for

    return error * float(stdtrit(freedom, (1 + level) / 2))


def deciding_seeds(a: Sample, b: Sample, margin: float, error: float = ERROR) -> int | None:
    """Returns the seeds of each row that would decide a contrast if its estimates are true.

    The least number with a power of 80 % to find the observed difference, or with a 90 % interval
    within ± margin. None above MOST_SEEDS, and where a spread is unknown.
    """
    if standard_error(a, b) is None:
        return None
    wanted = range(max(a.n, b.n) + 1, MOST_SEEDS + 1)
    first = bisect.bisect_left(wanted, True, key=lambda n: _decides(a, b, n, margin, error))
    return wanted[first] if first < len(wanted) else None


def _decides(a: Sample, b: Sample, n: int, margin: float, chosen: float) -> bool:
    """Whether n seeds of each row are expected to decide a contrast; more of them do so too."""
    from scipy.special import stdtrit  # as above

    found = standard_error(dataclasses.replace(a, n=n), dataclasses.replace(b, n=n))
    assert found is not None
    error, freedom = found
    tail, half, narrow = (
        float(stdtrit(freedom, level)) for level in (1 - chosen / 2, POWER, 1 - chosen)
    )
    difference = abs(a.mean - b.mean)
    return difference >= (tail + half) * error or difference + narrow * error <= margin


def p_value(a: Sample, b: Sample) -> float:
    """Returns the two-sided p-value of Welch's test, 1 where a spread is unknown or both are 0."""
    found = standard_error(a, b)
    if found is None:
        return 1.0
    error, freedom = found
    from scipy.special import stdtr  # as above

    return 2 * float(stdtr(freedom, -abs(a.mean - b.mean) / error))


def standard_error(*samples: Sample) -> tuple[float, float] | None:
    """Returns the standard error of a sum or difference of independent means, and its freedom.

    None where a std is unknown, or all are 0. Degrees of freedom by Satterthwaite.
    """
    stds = [each.std for each in samples if each.std is not None and each.n > 1]
    largest = max(stds, default=0.0)
    if len(stds) < len(samples) or not largest:
        return None
    parts = [(std / largest) ** 2 / each.n for std, each in zip(stds, samples, strict=True)]
    per_freedom = [part**2 / (each.n - 1) for part, each in zip(parts, samples, strict=True)]
    return largest * math.sqrt(math.fsum(parts)), math.fsum(parts) ** 2 / math.fsum(per_freedom)


def jeffreys(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Returns the Jeffreys interval of a share, of n > 0 trials; 0 or 1 at the ends.

    Source: Brown, Cai & DasGupta 2001, with their rule for no and for all successes.
    """
    from scipy.special import betaincinv  # as above

    a, b = successes + 0.5, n - successes + 0.5
    low, high = (float(betaincinv(a, b, (1 + sign * level) / 2)) for sign in (-1, 1))
    return (low if successes else 0.0, high if successes < n else 1.0)
