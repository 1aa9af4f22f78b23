"""A campaign: a plan is carried out, except for what a store already has."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

from fmnbench.errors import NewerRecord, RecordError
from fmnbench.planning.plan import Plan
from fmnbench.records.store import Store
from fmnbench.runs.endings import tidy
from fmnbench.runs.executors.base import Event, RunOptions, load_executor
from fmnbench.runs.survey import Lack, Survey, survey
from fmnbench.spec import Result, RunSpec

NOT_REACHED = "it was not reached"
GOOD = ("done", "skipped")  # a run may find that it does not apply


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a plan.

    `specs` are the plan's runs in its order. Of these, by key: `results` are the records at the
    end, `stored` the keys of those that the store had before, `skipped` the reasons of runs whose
    data are missing, `measured` the metrics that were computed anew for a stored record, `lacks`
    those that a done record still lacks, `corrupt` what was wrong with a record that was set aside
    and done again, `newer` the errors of records that only a newer fmnbench can read. `problems`
    are the reasons of rows that could not be planned. `interrupted`: the user stopped it.
    """

    specs: tuple[RunSpec, ...]
    results: Mapping[str, Result]
    stored: frozenset[str]
    skipped: Mapping[str, str]
    measured: Mapping[str, tuple[str, ...]]
    lacks: Mapping[str, Lack]
    corrupt: Mapping[str, str]
    newer: Mapping[str, NewerRecord]
    problems: tuple[str, ...]
    interrupted: bool
    store: Path

    @property
    def done(self) -> tuple[Result, ...]:
        """The results of the runs that are done, now or before."""
        return tuple(each for each in self.results.values() if each.status == "done")

    @property
    def failed(self) -> tuple[Result, ...]:
        """The records of runs that ended badly: failed, diverged, timeout, out_of_memory."""
        return tuple(each for each in self.results.values() if each.status not in GOOD)

    @property
    def left(self) -> tuple[RunSpec, ...]:
        """The runs that have no record and were not skipped: not started, cut off, or lost."""
        known = {*self.results, *self.skipped, *self.newer}
        return tuple(spec for spec in self.specs if spec.key not in known)

    @property
    def is_good(self) -> bool:
        """Whether each run has a record that ended well, but for those without data.

        Not where nothing but runs without data was asked for: then nothing was achieved.
        """
        bad = self.failed or self.left or self.corrupt or self.newer or self.problems
        unmeasured = any(lack.is_fault for lack in self.lacks.values())
        return not (bad or unmeasured or self.interrupted or not self.results)


def carry_out(
    plan: Plan,
    options: RunOptions,
    listen: Callable[[Event], None],
    known: Survey | None = None,
) -> Outcome:
    """Carries out what the options' store lacks of a plan; returns what became of all of it.

    `listen` is called with each event, in this thread. `known` is the plan's survey where the
    caller has made it. A corrupt record is renamed and its run done again. Ctrl-C ends the
    workers; the outcome says so, and the next call resumes at the last finished epoch. Raises
    UsageError for a device that cannot be used.
    """
    store = Store(options.store)
    tidy(store)
    found = survey(plan, options) if known is None else known
    corrupt = {key: _set_aside(store, key, error, found) for key, error in found.corrupt.items()}
    errors, interrupted = _work(found, listen)
    results = dict(found.stored)
    for spec in (*found.again, *found.left):
        if (result := store.get(spec.track.name, spec.key)) is not None:
            results[spec.key] = result
    measured, lacks = _completed(found, results, errors)
    return Outcome(
        specs=found.specs,
        results={spec.key: results[spec.key] for spec in found.specs if spec.key in results},
        stored=frozenset(found.stored),
        skipped=found.skipped,
        measured=measured,
        lacks=lacks,
        corrupt=corrupt,
        newer=found.newer,
        problems=found.problems,
        interrupted=interrupted,
        store=options.store,
    )


def _work(found: Survey, listen: Callable[[Event], None]) -> tuple[dict[str, str], bool]:
    """Has all done that is to do; returns the errors by key, and whether the user stopped it."""
    errors: dict[str, str] = {}

    def hear(event: Event) -> None:
        if event.error is not None:
            errors[event.spec.key] = event.error
        listen(event)

    specs = (*found.again, *found.left)
    try:
        if specs:
            load_executor(found.options.executor)(specs, _absolute(found.options), hear)
    except KeyboardInterrupt:
        return errors, True
    return errors, False


def _completed(
    found: Survey, results: Mapping[str, Result], errors: Mapping[str, str]
) -> tuple[dict[str, tuple[str, ...]], dict[str, Lack]]:
    """Returns the metrics that stored records got, and those that they still lack, by key."""
    measured, lacks = {}, dict(found.lacks)
    for spec in found.again:
        key, names = spec.key, found.lacks[spec.key].metrics
        if results[key] != found.stored[key]:
            measured[key] = names
            del lacks[key]
        else:
            why = errors.get(key, NOT_REACHED)
            lacks[key] = Lack(metrics=names, why=why, is_fault=True)
    return measured, lacks


def _absolute(options: RunOptions) -> RunOptions:
    """Returns options whose paths mean the same after a component has changed the folder."""
    return dataclasses.replace(
        options,
        store=options.store.absolute(),
        plugins=tuple(path.absolute() for path in options.plugins),
    )


def _set_aside(store: Store, key: str, error: RecordError, found: Survey) -> str:
    """Renames a corrupt record; returns what was wrong with it and its new name."""
    (track,) = {spec.track.name for spec in found.specs if spec.key == key}
    moved = store.set_aside(store.path(track, key))
    return f"{error} It is kept as {moved}; the run is done again."
