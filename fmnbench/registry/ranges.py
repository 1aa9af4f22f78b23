"""Where `fmnbench tune` searches: a range beside the default of a setting, and that of λ."""

import dataclasses
import math

from fmnbench.errors import UsageError


@dataclasses.dataclass(frozen=True)
class Range:
    """The values of a setting that are searched: `Annotated[float, Range(0.1, 100.0, log=True)]`.

    Both ends are in it. With `log` equal ratios count as equal steps, so `low` is above 0.
    Raises UsageError for ends that are no range.
    """

    low: int | float
    high: int | float
    log: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise UsageError(
                f"a range goes from a lower to a higher number, not from {self.low:g} to "
                f"{self.high:g}"
            )
        if self.log and self.low <= 0:
            raise UsageError(f"a logarithmic range starts above 0, not at {self.low:g}")

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}{' (log)' if self.log else ''}"


LAMBDA = Range(0.1, 100.0, log=True)  # of a critic whose decorator has no `lambda_range`
