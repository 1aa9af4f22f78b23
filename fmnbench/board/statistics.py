"""What a table says of a few seeds: mean, spread and the interval of a mean."""

import math
from collections.abc import Sequence


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


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p-values corrected for being several, in the order given (Holm 1979)."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, (len(p_values) - rank) * p_values[index])
        adjusted[index] = min(1.0, largest)
    return adjusted
