"""What a table says of a few seeds: mean, spread, and which rows cannot be told apart."""

import math
from collections.abc import Sequence

SIGNIFICANCE = 0.05  # the largest chance, over a whole column, of a difference that is none


def mean(values: Sequence[float]) -> float:
    """Returns the arithmetic mean; at least one value is needed.

    Of equal values it is that value to the last bit, so that their std is 0.
    """
    first = values[0]
    return first + math.fsum(value - first for value in values) / len(values)


def std(values: Sequence[float], *, population: bool) -> float | None:
    """Returns the standard deviation: divided by n if `population`, else by n − 1.

    The sample's is None for one value.
    """
    divisor = len(values) if population else len(values) - 1
    if divisor == 0:
        return None
    centre = mean(values)
    return math.hypot(*(value - centre for value in values)) / math.sqrt(divisor)


def interval(values: Sequence[float], level: float = 0.95) -> float | None:
    """Returns the half-width of the confidence interval of the mean, None for one value.

    It is Student's: the values are taken as normal with unknown variance.
    """
    spread = std(values, population=False)
    if spread is None:
        return None
    from scipy.special import stdtrit  # 0.2 s that listings and plans need not wait for

    quantile = float(stdtrit(len(values) - 1, (1 + level) / 2))
    return quantile * spread / math.sqrt(len(values))


def paired_p_value(a: Sequence[float], b: Sequence[float]) -> float:
    """Returns the two-sided p-value of the paired t test, a[i] and b[i] being of one seed.

    It is 1 for fewer than two pairs, which can show nothing, and for equal values.
    """
    differences = [x - y for x, y in zip(a, b, strict=True)]
    if len(differences) < 2:
        return 1.0
    shift, spread = mean(differences), std(differences, population=False)
    if not spread:
        return 1.0 if shift == 0 else 0.0
    from scipy.special import stdtr  # as above

    t = shift / (spread / math.sqrt(len(differences)))
    return 2 * float(stdtr(len(differences) - 1, -abs(t)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p-values corrected for being several, in the order given (Holm 1979)."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, (len(p_values) - rank) * p_values[index])
        adjusted[index] = min(1.0, largest)
    return adjusted


def separable(
    best: Sequence[float], others: Sequence[Sequence[float]], significance: float = SIGNIFICANCE
) -> list[bool]:
    """Returns for each other row whether its values differ from the best row's.

    Rows are paired by seed; the significance holds for all comparisons together.
    """
    return [p < significance for p in holm([paired_p_value(best, other) for other in others])]
