"""What runs cost: seconds that records of like runs show."""

import dataclasses
import statistics
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from fmnbench.records.store import Store
from fmnbench.spec import Result, RunSpec

RowKey: TypeAlias = tuple[str, str]  # a track's name, and a row of it


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cost:
    """Seconds that a run takes, and how many of them are for its importance-weighted NLL.

    `rough` says that no run of this very row was measured to its end.
    """

    run: float
    nll: float
    rough: bool = False


def row_key(spec: RunSpec) -> RowKey:
    """Returns what the runs of a row have in common."""
    return spec.track.name, spec.task.row


def recorded_costs(specs: Iterable[RunSpec], store: Store) -> Mapping[RowKey, Cost]:
    """Returns the median costs of each row's done runs in the store.

    A row that has none yet has roughly the cost of the other rows of its track, if these have.
    """
    rows = {row_key(spec): spec.track.name for spec in specs}
    results, _ = store.results(set(rows.values()))
    done = [result for result in results if result.status == "done"]
    costs = {}
    for row, track in rows.items():
        own = [result for result in done if row_key(result.spec) == row]
        like = [result for result in done if result.spec.track.name == track]
        if own or like:
            costs[row] = _median(own or like, rough=not own)
    return costs


def _median(results: list[Result], *, rough: bool) -> Cost:
    return Cost(
        run=statistics.median(result.provenance.seconds for result in results),
        nll=statistics.median(result.timings.get("metric.nll", 0.0) for result in results),
        rough=rough,
    )
