"""Numbers as text: how many digits a mean, a spread or a difference is printed with."""

import math

FEWEST_DECIMALS, MOST_DECIMALS = 2, 4
LARGE, HUGE, TINY = 1e4, 1e6, 1e-3  # one decimal from LARGE on; powers of ten beyond the others


def mean_std(mean: float, std: float | None, decimals: int | None = None) -> tuple[str, str]:
    """Returns a mean and, in brackets, its std as texts, both with the same decimals.

    These are as many as show two digits of the std, but 2 to 4; less for large numbers. Below
    0.001 and from a million on both are powers of ten.
    """
    size = max(abs(mean), std or 0.0)
    if size >= HUGE or 0 < size < TINY:
        return f"{mean:.2e}", "" if std is None else f"({std:.1e})"
    if decimals is None:
        leading = math.floor(math.log10(std)) if std else 0
        decimals = min(max(1 - leading, FEWEST_DECIMALS), MOST_DECIMALS)
        decimals = 1 if size >= LARGE else decimals
    if std is None:
        return f"{mean:.{decimals}f}", ""
    least = 10.0**-decimals
    shown = f"{std:.{decimals}f}" if std == 0 or std >= least / 2 else f"<{least:.{decimals}f}"
    return f"{mean:.{decimals}f}", f"({shown})"


def plain(value: float, decimals: int, sign: str = "") -> str:
    """Returns a number with so many decimals, a power of ten from a million on."""
    return f"{value:{sign}.2e}" if abs(value) >= HUGE else f"{value:{sign}.{decimals}f}"


def plus_minus(difference: float, half_width: float | None, decimals: int = 2) -> str:
    """Returns a difference with its sign and, if known, ± half of its interval."""
    text = plain(difference, decimals, "+")
    if half_width is None:
        return text
    width = plain(half_width, decimals)
    return f"{text} ± {width if float(width) else f'<{10.0**-decimals:.{decimals}f}'}"


def within(half_width: float | None) -> str:
    """Returns what follows a number of two decimals: ± half of its interval, if it is known."""
    return "" if half_width is None else f" ± {half_width:.2f}"


def percent(share: float) -> str:
    """Returns a share in percent, with as many digits as it needs: 5 %, 0.5 %."""
    return f"{100 * share:.4g} %"


def decimals_of(value: float) -> int:
    """Returns how many decimals a number is printed with."""
    return len(repr(value).partition(".")[2])
