"""By which definitions a record's metrics were computed, and which of them no longer hold here."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from fmnbench.errors import UsageError
from fmnbench.registry import datasets, metrics
from fmnbench.registry.declarations import BUILT_IN, Entry
from fmnbench.spec import Result, RunSpec

Moved = Mapping[int, tuple[str, ...]]  # by version, the kinds of data whose numbers it moved
# The metrics that there were when records began to keep versions, all of them at version 1. It is
# what a record without versions means, and is never changed.
FIRST = dict.fromkeys(
    (
        "au",
        "coverage",
        "density",
        "elbo",
        "kl",
        "kl_marginal",
        "mi_batch",
        "mi_batch_ceiling",
        "mi_ceiling",
        "mi_lower",
        "mi_upper",
        "nll",
        "nll_exact",
        "ppl",
        "reconstruction",
        "reference.coverage",
        "reference.density",
        "reference.nll",
        "report.au",
        "report.coverage",
        "report.density",
        "report.mi",
        "report.nll",
        "z_dependence",
        "z_gain",
    ),
    "1",
)
REPORT = "report."  # the names of the project report's metrics start with it
OF_TRIALS = (  # the metrics of a trial of tuning: what choices and their flags need
    "nll",
    "elbo",
    "reconstruction",
    "kl",
    "mi_lower",
    "mi_upper",
    "mi_ceiling",
    "au",
    "ppl",
    "z_dependence",
    "z_gain",
    "reference.nll",
)


def wanted(spec: RunSpec) -> Iterator[str]:
    """Yields the metrics of a run, or those of them that a trial of tuning needs.

    Few tracks ask for the report's own. Built-in ones come first: no plug-in that only has metrics
    is imported before they are computed.
    """
    names = OF_TRIALS if spec.judged != "test" else metrics.built_in_first()
    wants_report = spec.track.report_metrics
    yield from (name for name in names if wants_report or not name.startswith(REPORT))


def versions_of(result: Result) -> Mapping[str, str]:
    """Returns the version of each metric that a done record has, or that was declined."""
    return result.metric_versions or FIRST


@dataclasses.dataclass(frozen=True, kw_only=True)
class Definitions:
    """The definitions of the metrics that are registered here.

    `versions` are by name; `moved` has each built-in metric, with what its versions moved.
    """

    versions: Mapping[str, str]
    moved: Mapping[str, Moved]

    @classmethod
    def here(cls) -> "Definitions":
        """Returns the definitions of all metrics but broken ones."""
        return cls.of(metrics.names())

    @classmethod
    def of(cls, names: Iterable[str]) -> "Definitions":
        """Returns the definitions of some metrics."""
        entries = [metrics.entry(name) for name in names]
        return cls(
            versions={entry.name: metrics.version(entry.name) for entry in entries},
            moved={entry.name: _moved(entry) for entry in entries if entry.origin == BUILT_IN},
        )

    def due(self, names: Iterable[str], result: Result) -> tuple[str, ...]:
        """Returns which metrics a done record lacks, or has by a definition of the past."""
        return tuple(name for name in names if not self.holds(name, result))

    def lacking(self, spec: RunSpec, result: Result) -> tuple[str, ...]:
        """Returns which metrics that a run wants are due in its record, if it is done."""
        return self.due(wanted(spec), result) if result.status == "done" else ()

    def holds(self, name: str, result: Result) -> bool:
        """Whether a done record has computed or declined a metric by a definition that is valid.

        Of a metric that is not registered here any definition is. A newer version of a built-in
        metric is valid, and so is an older one unless a version since moved data of this kind.
        """
        has, now = versions_of(result).get(name), self.versions.get(name)
        if now is None or has == now:
            return True
        if has is None or name not in self.moved or not (has.isdecimal() and now.isdecimal()):
            return False
        kind = _kind(result.spec.track.dataset)
        since = range(int(has) + 1, int(now) + 1)
        return not any(
            kind is None or kind in self.moved[name].get(step, (kind,)) for step in since
        )

    def adds(self, new: Result, old: Result) -> bool:
        """Whether a record is another one, measured again: all else and all equal metrics agree.

        It lacks fewer metrics, has more than those that are registered here, or alone has the
        likelihoods of the test rows.
        """
        has, had = versions_of(new), versions_of(old)
        same = (new.spec, new.status, new.curve) == (old.spec, old.status, old.curve) and all(
            new.metrics.get(name) == value
            for name, value in old.metrics.items()
            if has.get(name) == had.get(name)
        )
        due, was_due = (set(self.due(self.versions, each)) for each in (new, old))
        more = has.keys() > had.keys() or (
            has == had and old.rows is None and new.rows is not None
        )
        return same and (due < was_due or (due == was_due and more))

    def several(self, results: Iterable[Result]) -> frozenset[str]:
        """Returns the metrics, not registered here, that results have by several definitions."""
        found: dict[str, set[str | None]] = {}
        for result in results:
            for name in result.metrics.keys() - self.versions.keys():
                found.setdefault(name, set()).add(versions_of(result).get(name))
        return frozenset(name for name, versions in found.items() if len(versions) > 1)


def lacking(spec: RunSpec, result: Result) -> Iterator[str]:
    """Yields what `Definitions.lacking` returns, in the order of `wanted`."""
    if result.status == "done":
        for name in wanted(spec):
            yield from Definitions.of([name]).due([name], result)


def _moved(entry: Entry) -> Moved:
    return cast(Moved, entry.attributes.get("moved", {}))


def _kind(dataset: str) -> object:
    """Returns what rows of a dataset are: vectors, images or texts; None where it is not known."""
    try:
        return datasets.entry(dataset).attributes.get("kind")
    except UsageError:
        return None
