"""Numbers that no metric or time can have: set aside before anything is computed from them."""

import dataclasses
import math

from fmnbench.spec import Result

LARGEST = 1e100  # a square of it, and the sum of many, is still a number
SHORTEST = 1e-9  # seconds; a ratio to it is still a number


def within_limits(result: Result) -> Result:
    """Returns a result without values beyond ± LARGEST, and without times below SHORTEST.

    `broken` says which metrics they were. A result without such values is returned as it is.
    """
    beyond = {
        name: value for name, value in result.metrics.items() if LARGEST < abs(value) < math.inf
    }
    timings = {
        name: value for name, value in result.timings.items() if SHORTEST <= value <= LARGEST
    }
    if not beyond and len(timings) == len(result.timings):
        return result
    causes = {
        name: f"its value, {value:g}, is beyond ± {LARGEST:g}" for name, value in beyond.items()
    }
    return dataclasses.replace(
        result,
        metrics={name: value for name, value in result.metrics.items() if name not in beyond},
        timings=timings,
        broken={**result.broken, **causes},
    )
