"""Records run again: equal to the bit, within a tolerance, or different."""

import dataclasses
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from fmnbench.board.relations import changed_settings
from fmnbench.board.statistics import std
from fmnbench.data.identity import missing
from fmnbench.planning.plan import Plan, resolve
from fmnbench.records.definitions import REPORT, versions_of
from fmnbench.runs.campaign import carry_out
from fmnbench.runs.executors.base import Event, RunOptions
from fmnbench.spec import Result, RunSpec

Outcome = Literal["equal", "within tolerance", "within the spread", "different", "not run"]
GOOD = ("equal", "within tolerance", "within the spread")
TOLERANCE = 1e-6  # relative, of a metric, where a suite states no other


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """A metric that differs: again − recorded, and the std over the seeds of the row, if known."""

    metric: str
    recorded: float
    difference: float
    spread: float | None

    @property
    def relative(self) -> float:
        """The size of the difference, relative to values above 1."""
        return abs(self.difference) / max(1.0, abs(self.recorded))

    @property
    def is_within_spread(self) -> bool:
        """Whether another seed would typically differ by more."""
        return self.spread is not None and abs(self.difference) <= self.spread


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verified:
    """What became of a record that was run again; `reason` says why one could not be.

    `differences` are those of its metrics, the largest relative one first.
    """

    record: Result
    outcome: Outcome
    differences: tuple[Difference, ...] = ()
    reason: str = ""


def verify(
    records: Sequence[Result],
    known: Sequence[Result],
    options: RunOptions,
    tolerances: Mapping[str, float],
    listen: Callable[[Event], None],
) -> list[Verified]:
    """Runs done records again, in a temporary store; returns what became of each, in order.

    `known` are all records of the store, for the spread over seeds. `tolerances` are relative, by
    the name of a track: a chaotic training makes of a last digit more than TOLERANCE. On another
    device, or by another torch, a difference is also held against the spread.
    """
    specs, reasons = {}, {}
    for record in records:
        spec, reason = _again(record)
        if reason:
            reasons[record.spec.key] = reason
        else:
            specs[record.spec.key] = spec
    done: Mapping[str, Result] = {}
    if specs:
        with tempfile.TemporaryDirectory() as folder:
            apart = dataclasses.replace(options, store=Path(folder))
            done = carry_out(Plan(specs=tuple(specs.values())), apart, listen).results
    return [
        _verified(record, done.get(record.spec.key), known, tolerances, reasons)
        for record in records
    ]


def _again(record: Result) -> tuple[RunSpec, str]:
    """Returns the run of a record, and why it cannot be made here, "" if it can."""
    old = record.spec
    wants_report = any(name.startswith(REPORT) for name in record.metrics)
    track = dataclasses.replace(old.track, report_metrics=wants_report)
    if reason := missing(track.dataset, track.dataset_settings):
        return old, reason
    spec = resolve(dataclasses.replace(old.task, track=track), old.seed)
    if spec.key == old.key:
        return spec, ""
    changed = [
        f"{name} {old.versions.get(name, 'none')[:8]} → {version[:8]}"
        for name, version in spec.versions.items()
        if old.versions.get(name) != version
    ]
    if spec.dataset_fingerprint != old.dataset_fingerprint:
        changed.append("other data")
    return spec, f"what made it has changed: {', '.join(changed) or 'defaults of its settings'}"


def _verified(
    record: Result,
    again: Result | None,
    known: Sequence[Result],
    tolerances: Mapping[str, float],
    reasons: Mapping[str, str],
) -> Verified:
    if again is None or again.status != "done":
        reason = reasons.get(record.spec.key) or _ending(again)
        return Verified(record=record, outcome="not run", reason=reason)
    found = sorted(_differences(record, again, known), key=lambda each: -each.relative)
    if not found and again.curve == record.curve:
        return Verified(record=record, outcome="equal")
    tolerance = tolerances.get(changed_settings(record.spec.track.name)[0], TOLERANCE)
    outcome: Outcome = "different"
    if all(each.relative <= tolerance for each in found):
        outcome = "within tolerance"
    elif _elsewhere(record, again) and all(
        each.relative <= tolerance or each.is_within_spread for each in found
    ):
        outcome = "within the spread"
    return Verified(record=record, outcome=outcome, differences=tuple(found))


def _ending(again: Result | None) -> str:
    return "it did not end" if again is None else f"it ended as {again.status}: {again.error}"


def _elsewhere(record: Result, again: Result) -> bool:
    """Whether two runs of a record took place on different hardware or by different libraries."""
    here, there = again.provenance, record.provenance
    return (here.device_name, here.torch) != (there.device_name, there.torch)


def _differences(record: Result, again: Result, known: Sequence[Result]) -> list[Difference]:
    """Returns the metrics of one definition whose values differ in any bit."""
    theirs, ours = versions_of(record), versions_of(again)
    row = [
        each
        for each in known
        if each.status == "done"
        and dataclasses.replace(each.spec, seed=record.spec.seed) == record.spec
    ]
    return [
        Difference(
            metric=name,
            recorded=value,
            difference=again.metrics[name] - value,
            spread=_spread(name, row),
        )
        for name, value in record.metrics.items()
        if theirs.get(name) == ours.get(name)
        and name in again.metrics
        and again.metrics[name] != value
    ]


def _spread(metric: str, row: Sequence[Result]) -> float | None:
    values = [each.metrics[metric] for each in row if metric in each.metrics]
    return std(values, population=False) if values else None
