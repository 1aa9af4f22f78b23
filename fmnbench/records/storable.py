"""What no record can hold, turned into what it can: no training is lost to a NaN or a name."""

import dataclasses
import math
from collections.abc import Mapping
from typing import SupportsFloat

from fmnbench.spec import Result

CURVE = "curve."  # before a name in `broken`: a value of the curve, and no metric


def storable(result: Result) -> Result:
    """Returns a result that a record holds; one that it holds already is returned as it is.

    Characters that are not printable, lone surrogates among them, are escaped as in Python.
    Numbers are plain floats; what is no finite number is left out, and `broken` says what it was:
    by the name of a metric, or of the curve after CURVE, there with the first such epoch.
    """
    broken = _texts(result.broken)
    metrics = _numbers(result.metrics, broken)
    curve = tuple(
        _numbers(entry, broken, before=CURVE, after=f" in epoch {epoch}")
        for epoch, entry in enumerate(result.curve, 1)
    )
    return dataclasses.replace(
        result,
        metrics=metrics,
        curve=curve,
        error=None if result.error is None else printable(result.error),
        timings={printable(name): seconds for name, seconds in result.timings.items()},
        provenance=dataclasses.replace(
            result.provenance, plugins=_texts(result.provenance.plugins)
        ),
        broken=broken,
        metric_versions=_texts(result.metric_versions),
    )


def printable(text: str) -> str:
    """Returns a text with the characters escaped that would change a terminal, or are none."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def _texts(given: Mapping[str, str]) -> dict[str, str]:
    return {printable(name): printable(text) for name, text in given.items()}


def _numbers(
    given: Mapping[str, object], broken: dict[str, str], *, before: str = "", after: str = ""
) -> dict[str, float]:
    """Returns the finite numbers by printable names; adds the others to the broken ones."""
    found = {}
    for name, value in given.items():
        number = _number(value)
        if number is not None and math.isfinite(number):
            found[printable(name)] = number
        else:
            what = f"a {type(value).__name__}" if number is None else f"{number}"
            broken.setdefault(f"{before}{printable(name)}", f"is {what}{after}")
    return found


def _number(value: object) -> float | None:
    """Returns one number of any type as a float; None where it is not one number."""
    if not isinstance(value, SupportsFloat):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):  # of arrays, tensors, large ints
        return None
