"""What runs cost: seconds that records of like runs show, and what the size of the data says."""

import dataclasses
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from fmnbench.data.identity import declared
from fmnbench.records.store import Store
from fmnbench.spec import Result, RunSpec

RowKey: TypeAlias = tuple[str, str]  # a track's name, and a row of it
# Values of training rows per second of a run, evaluation included: what the committed runs of
# omniglot-cnn and of yahoo-10k-lstm-small took on two cores. The architecture is not considered,
# so a run may take a tenth of the time, or twenty times as long.
PIXELS_PER_SECOND = 2e5
WORDS_PER_SECOND = 1e4


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cost:
    """Seconds that a run takes, and how many of them its importance-weighted NLL takes.

    `rough` says that no run of this very row was measured to its end. `device` names what the
    measured runs ran on.
    """

    run: float
    nll: float
    rough: bool = False
    device: str = ""


def row_key(spec: RunSpec) -> RowKey:
    """Returns what the runs of a row have in common."""
    return spec.track.name, spec.task.row


def recorded_costs(specs: Iterable[RunSpec], store: Store, device: str) -> Mapping[RowKey, Cost]:
    """Returns the median costs of each row's done runs in the store on one kind of device.

    A row without such a run has roughly the cost of the other rows of its track, if these have
    one. The kind of "cuda:1" is cuda.
    """
    rows = {row_key(spec): spec.track.name for spec in specs}
    results, _ = store.results(set(rows.values()))
    done = [
        result
        for result in results
        if result.status == "done" and _kind(result.provenance.device) == _kind(device)
    ]
    costs = {}
    for row, track in rows.items():
        own = [result for result in done if row_key(result.spec) == row]
        like = [result for result in done if result.spec.track.name == track]
        if own or like:
            costs[row] = _median(own or like, rough=not own)
    return costs


def guessed_seconds(spec: RunSpec) -> float:
    """Returns a guess at the seconds of a run: epochs × training rows × values a row.

    It is meant for the order of tracks, not for people: see PIXELS_PER_SECOND. Infinite for a
    dataset of undeclared size.
    """
    size = declared(spec.track.dataset)
    if size is None or size.rows is None:
        return math.inf
    if size.words is not None:
        # of a dataset whose training texts were not counted, the words of the others
        work = size.words.get("train", max(size.words.values()))
        rate = WORDS_PER_SECOND
    else:
        work, rate = float(size.width or 1), PIXELS_PER_SECOND
    return spec.track.epochs * size.rows["train"] * work / rate


def cheapest_first(specs: Sequence[RunSpec], costs: Mapping[RowKey, Cost]) -> tuple[RunSpec, ...]:
    """Returns the runs track by track, the track with the least work first.

    Within a track the order stays. A row of unknown cost counts as `guessed_seconds`.
    """
    total: dict[str, float] = {}
    for spec in specs:
        cost = costs.get(row_key(spec))
        seconds = guessed_seconds(spec) if cost is None else cost.run
        total[spec.track.name] = total.get(spec.track.name, 0.0) + seconds
    return tuple(sorted(specs, key=lambda spec: total[spec.track.name]))


def _median(results: list[Result], *, rough: bool) -> Cost:
    return Cost(
        run=statistics.median(result.provenance.seconds for result in results),
        nll=statistics.median(_likelihoods(result) for result in results),
        rough=rough,
        device=" and ".join(sorted({result.provenance.device_name for result in results})),
    )


def _likelihoods(result: Result) -> float:
    """Returns the seconds of all work that grows with K; who comes first does what both share."""
    return sum(result.timings.get(f"metric.{name}", 0.0) for name in ("nll", "best.nll"))


def _kind(device: str) -> str:
    return device.partition(":")[0]
