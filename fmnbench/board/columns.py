"""Which metrics a protocol's table shows, with unit and direction."""

import dataclasses
from collections.abc import Iterable, Mapping

from fmnbench.board.base import TIME, Better, Column, Protocol
from fmnbench.records.storable import CURVE
from fmnbench.registry import metrics
from fmnbench.registry.declarations import BUILT_IN
from fmnbench.spec import Result

STANDARD = (
    "nll",
    "best.nll",
    "nll_exact",
    "ppl",
    "reconstruction_at_prior",
    "kl",
    "mi_lower",
    "mi_upper",
    "mi_batch",
    "au",
    "density",
    "coverage",
)
OPTIONAL = (
    "best.nll",
    "nll_exact",
    "ppl",
    "reconstruction_at_prior",
)  # shown where a record has them
REPORT = ("report.nll", "report.mi", "report.au", "report.density", "report.coverage")
BETTER: Mapping[object, Better] = {"lower": "lower", "higher": "higher"}
CEILINGS = {  # metric -> the metric of a record that it cannot, or should not, exceed
    "mi_lower": "mi_ceiling",
    "mi_upper": "mi_ceiling",
    "mi_batch": "mi_batch_ceiling",
    "report.mi": "mi_batch_ceiling",
}


def columns(
    protocol: Protocol, results: Iterable[Result], targets: Mapping[str, float]
) -> tuple[Column, ...]:
    """Returns a table's columns: the protocol's, then metrics of plug-ins that the results have.

    A plug-in need not be loaded: a metric that is not registered here is one of a plug-in, and
    its column has its name alone. `targets` are the values that a metric should have, where that
    is not the largest or smallest one. The standard table ends with the training time.
    """
    if protocol == "as-published":
        return tuple(_column(name) for name in REPORT)
    present = {name for result in results for name in (*result.metrics, *result.broken)}
    names = [name for name in STANDARD if name in present or name not in OPTIONAL]
    built_in = {entry.name for entry in metrics.entries() if entry.origin == BUILT_IN}
    names += sorted(name for name in present - built_in if not name.startswith(CURVE))
    found = [dataclasses.replace(_column(name), target=targets.get(name)) for name in names]
    return (*found, Column(metric=TIME, unit="× VAE", better=None))


def _column(name: str) -> Column:
    """Returns the column of a metric; of one that is not registered only the name is known."""
    known = {entry.name: entry.attributes for entry in metrics.entries()}
    attributes = known.get(name, {})
    return Column(
        metric=name,
        unit=str(attributes.get("unit", "")),
        better=BETTER.get(attributes.get("better")),
    )
