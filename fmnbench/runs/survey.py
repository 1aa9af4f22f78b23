"""What a store has of a plan, what is left to run, and what that will cost; nothing is changed."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from fmnbench.data.identity import NOT_INSTALLED
from fmnbench.errors import Declined, Diverged, NewerRecord, RecordError
from fmnbench.planning.costs import (
    Cost,
    RowKey,
    cheapest_first,
    guessed_seconds,
    recorded_costs,
    row_key,
)
from fmnbench.planning.plan import Plan
from fmnbench.records.definitions import Definitions
from fmnbench.records.store import Store
from fmnbench.runs.executors.base import RunOptions, load_executor
from fmnbench.spec import Result, RunSpec

NO_WEIGHTS = "the weights of these runs are not kept here"
DAY = 86_400.0  # seconds
MARGIN = 20.0  # a run may take so many times as long as `guessed_seconds`
TRIAL, GLANCE = 1.0, 0.1  # seconds of a trial of each part of a run


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lack:
    """Metrics that a done record lacks or has by an older definition.

    `why` they cannot be computed from the weights of the run, "" where they can; `is_fault`
    where they should have been.
    """

    metrics: tuple[str, ...]
    why: str = ""
    is_fault: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Survey:
    """The state of a plan in a store.

    `specs` are the plan's runs in its order; where the data are missing and their fingerprint is
    not known, that of a record of the same run stands for it. Of these, by key: `stored` are the
    results that stay, `skipped` the reasons of runs without data, `corrupt` and `newer` the errors
    of records that cannot be read, `lacks` the metrics that done records lack. `left` are the runs
    to do, the cheapest track first. `costs` are by row, of the kind of device in `options`, which
    are settled where something is to do.
    """

    specs: tuple[RunSpec, ...]
    problems: tuple[str, ...]
    stored: Mapping[str, Result]
    lacks: Mapping[str, Lack]
    left: tuple[RunSpec, ...]
    skipped: Mapping[str, str]
    corrupt: Mapping[str, RecordError]
    newer: Mapping[str, NewerRecord]
    costs: Mapping[RowKey, Cost]
    options: RunOptions

    @property
    def again(self) -> tuple[RunSpec, ...]:
        """The done runs whose lack can be made good here."""
        return tuple(
            spec for spec in self.specs if spec.key in self.lacks and not self.lacks[spec.key].why
        )

    @property
    def seconds(self) -> float:
        """The wall seconds that the runs of known cost will take, `jobs` at a time."""
        costs = [self.costs[row] for spec in self.left if (row := row_key(spec)) in self.costs]
        return sum(cost.run for cost in costs) / max(self.options.jobs, 1)

    @property
    def unknown(self) -> Mapping[RowKey, RunSpec]:
        """The rows of unknown cost that have runs left, each with its first run."""
        rows: dict[RowKey, RunSpec] = {}
        for spec in self.left:
            if (row := row_key(spec)) not in self.costs:
                rows.setdefault(row, spec)
        return rows

    @property
    def runs_of_unknown_cost(self) -> int:
        """The number of runs left whose cost is not known."""
        return sum(row_key(spec) not in self.costs for spec in self.left)


def survey(plan: Plan, options: RunOptions) -> Survey:
    """Returns the state of a plan in the options' store.

    Raises UsageError for a device that cannot be used, if anything is left to do.
    """
    store = Store(options.store)
    specs = _with_known_data(plan, store)
    stored: dict[str, Result] = {}
    corrupt: dict[str, RecordError] = {}
    newer: dict[str, NewerRecord] = {}
    for spec in specs:
        try:
            result = store.get(spec.track.name, spec.key)
        except NewerRecord as error:
            newer[spec.key] = error
        except RecordError as error:
            corrupt[spec.key] = error
        else:
            if result is not None and result.status not in options.retry:
                stored[spec.key] = result
    rest = [spec for spec in specs if spec.key not in stored and spec.key not in newer]
    skipped = {spec.key: reason for spec in rest if (reason := plan.missing.get(spec.track.name))}
    left = [spec for spec in rest if spec.key not in skipped]
    lacks = _lacks(plan, specs, stored, store)
    if left or not all(lack.why for lack in lacks.values()):
        options = load_executor(options.executor).settled(options)
    costs = recorded_costs(specs, store, options.device)
    return Survey(
        specs=specs,
        problems=plan.problems,
        stored=stored,
        lacks=lacks,
        left=cheapest_first(left, costs),
        skipped=skipped,
        corrupt=corrupt,
        newer=newer,
        costs=costs,
        options=options,
    )


def measured(
    found: Survey,
    before: Callable[[RunSpec], None],
    untimed: Callable[[RunSpec, str], None],
) -> Survey:
    """Returns the survey with trials of each row of unknown cost.

    Calls `before` each trial, and `untimed` with the reason why a row has no cost: it does not
    fit its data, or diverges at once.
    """
    executor = load_executor(found.options.executor)
    costs = dict(found.costs)
    for row, spec in found.unknown.items():
        before(spec)
        try:
            costs[row] = executor.trial(spec, found.options, TRIAL)
        except (Declined, Diverged) as reason:
            untimed(spec, str(reason))
    return _with_costs(found, costs)


def glanced(found: Survey) -> Survey:
    """Returns the survey with a short trial of each track that might take a day in all.

    These are the tracks of unknown cost whose `guessed_seconds`, MARGIN times as long, add up to
    that. The plain VAE of a track is tried, in this process, and stands for the track's rows.
    """
    unknown = [spec for spec in found.left if row_key(spec) not in found.costs]
    guess: dict[str, float] = {}
    for spec in unknown:
        seconds = guessed_seconds(spec) * MARGIN / max(found.options.jobs, 1)
        guess[spec.track.name] = guess.get(spec.track.name, 0.0) + seconds
    if sum(guess.values()) < DAY:
        return found
    executor = load_executor(found.options.executor)
    tried: dict[str, Cost | None] = {}
    for spec in found.unknown.values():
        name = spec.track.name
        if name not in tried and guess[name] >= DAY / len(guess):
            try:
                tried[name] = executor.trial(_plain(spec), found.options, GLANCE)
            except (Declined, Diverged):
                tried[name] = None  # its runs will say so, at once
    costs = dict(found.costs)
    for row in found.unknown:
        if (cost := tried.get(row[0])) is not None:
            costs[row] = cost
    return _with_costs(found, costs)


def _with_costs(found: Survey, costs: Mapping[RowKey, Cost]) -> Survey:
    return dataclasses.replace(found, costs=costs, left=cheapest_first(found.left, costs))


def _plain(spec: RunSpec) -> RunSpec:
    return dataclasses.replace(spec, critic="none", critic_settings={}, lambda_=0.0)


def _lacks(
    plan: Plan, specs: Sequence[RunSpec], stored: Mapping[str, Result], store: Store
) -> dict[str, Lack]:
    here = Definitions.here()
    found = {}
    for spec in specs:
        if spec.key in stored and (metrics := here.lacking(spec, stored[spec.key])):
            why = plan.missing.get(spec.track.name, "")
            if not store.weights(spec.key).is_file():
                why = NO_WEIGHTS
            found[spec.key] = Lack(metrics=metrics, why=why)
    return found


def _with_known_data(plan: Plan, store: Store) -> tuple[RunSpec, ...]:
    """Returns the runs, those of unknown data with the data of a record of the same run."""
    tracks = {spec.track.name for spec in plan.specs if spec.dataset_fingerprint == NOT_INSTALLED}
    if not tracks:
        return plan.specs
    results, _ = store.results(tracks)
    known = {_without_data(result.spec).key: result.spec for result in results}
    return tuple(
        known.get(spec.key, spec) if spec.dataset_fingerprint == NOT_INSTALLED else spec
        for spec in plan.specs
    )


def _without_data(spec: RunSpec) -> RunSpec:
    return dataclasses.replace(spec, dataset_fingerprint=NOT_INSTALLED)


def by_row(specs: Sequence[RunSpec]) -> list[list[RunSpec]]:
    """Returns runs in groups of one row each, rows and runs in their order."""
    rows: dict[RowKey, list[RunSpec]] = {}
    for spec in specs:
        rows.setdefault(row_key(spec), []).append(spec)
    return list(rows.values())
