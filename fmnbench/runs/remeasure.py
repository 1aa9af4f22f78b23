"""Metrics that a done record lacks, computed from its kept weights; everything else stays."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import torch

from fmnbench.errors import RecordError
from fmnbench.files import write_atomically
from fmnbench.metrics.base import Evaluation
from fmnbench.metrics.likelihood import elbo
from fmnbench.records.definitions import versions_of
from fmnbench.records.storable import storable
from fmnbench.runs.endings import ROWS
from fmnbench.runs.evaluation import Clock, Measured, evaluation_of, measure
from fmnbench.runs.kept import kept
from fmnbench.runs.run import Conditions, load, require_planned, trained
from fmnbench.spec import Result

SAME_SHARE, SAME_NATS = 0.01, 0.1  # an ELBO of the same weights on another device is as near
Value = TypeVar("Value")


def remeasure(
    result: Result, names: Iterable[str], weights: Path, conditions: Conditions, *, work: Path
) -> Result:
    """Returns a done record with some metrics anew, by the streams of a run that has just trained.

    Where the NLL is anew, the likelihoods of the test rows are in the folder `work`, as after a
    run; else those of the record remain.
    Raises RecordError where the weights are not those that the record was made of.
    """
    conditions.arrange(result.spec)
    require_planned(result.spec)
    splits, _ = load(result.spec, torch.device(conditions.device))
    vae = trained(result.spec, splits, weights)
    _, best = kept(weights)
    evaluation = evaluation_of(vae, splits, result.spec, best)
    _require_same(evaluation, result, weights)
    clock = Clock()
    new = measure(evaluation, names, clock)
    if new.rows is not None:
        write_atomically(work / ROWS, new.rows[1])
    origin = result.provenance
    whole = dataclasses.replace(
        result,
        metrics={**_without(new, result.metrics), **new.values},
        broken={**_without(new, result.broken), **new.broken},
        metric_versions={**versions_of(result), **new.versions},
        rows=(new.rows and new.rows[0]) if "nll" in new.versions else result.rows,
        timings={**result.timings, **clock.seconds},
        provenance=dataclasses.replace(origin, plugins={**origin.plugins, **new.plugins}),
    )
    return storable(whole)


def _require_same(evaluation: Evaluation, result: Result, weights: Path) -> None:
    """Raises RecordError where the ELBO is not that of the record."""
    recorded = result.metrics.get("elbo")
    if recorded is None:
        return
    found = elbo(evaluation)
    if not math.isclose(found, recorded, rel_tol=SAME_SHARE, abs_tol=SAME_NATS):
        raise RecordError(
            f"{weights} has not the weights of this run: its ELBO is {found:.4g} nats, where the "
            f"record has {recorded:.4g}."
        )


def _without(new: Measured, values: Mapping[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in values.items() if name not in new.versions}
