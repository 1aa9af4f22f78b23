"""The study loop: proposals become runs like any others, until a study has its trials."""

import dataclasses
import math
import statistics
import time
from collections.abc import Callable, Mapping

from fmnbench.planning.plan import Plan
from fmnbench.records.store import Store
from fmnbench.runs.campaign import Outcome, carry_out
from fmnbench.runs.executors.base import Event, RunOptions, load_executor
from fmnbench.runs.executors.stopping import ask_to_stop
from fmnbench.spec import Result, RunSpec
from fmnbench.tune.choice import Choice, choose, front_of
from fmnbench.tune.definition import Definition
from fmnbench.tune.pruning import reason_to_prune
from fmnbench.tune.trials import Trial, baseline_of, is_pruned, trials_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study:
    """A study as it stands: its finished trials as they began, and what follows from them.

    `baseline` is the plain VAE with the same seeds. `problems` say why a study
    stopped early, or what could not be written beside its records.
    """

    definition: Definition
    baseline: Trial | None
    trials: tuple[Trial, ...]
    choice: Choice
    problems: tuple[str, ...] = ()
    interrupted: bool = False

    @property
    def front(self) -> list[Trial]:
        """The done trials that no other beats in NLL and information, by growing NLL."""
        return front_of(self.trials)

    @property
    def left(self) -> int:
        """How many trials are still to be done."""
        return max(self.definition.trials - len(self.trials), 0)


def study_of(definition: Definition, results: dict[str, Result]) -> Study:
    """Returns a study as records, by key, show it."""
    plain = baseline_of(definition, results)
    trials = tuple(trials_of(definition, results.values()))
    choice = choose(definition, plain, trials)
    return Study(definition=definition, baseline=plain, trials=trials, choice=choice)


def known_results(definition: Definition, store: Store) -> dict[str, Result]:
    """Returns by key what a store has of a study's track.

    Runs that were pruned count where the likelihood alone is the goal; else they are run again.
    Raises UsageError where trials of the same method come from other code, data or another track.
    """
    results, _ = store.results([definition.task.track.name])
    definition.require_same_code(results, store.folder)
    return {
        result.spec.key: result
        for result in results
        if definition.goal.kind == "nll" or not is_pruned(result)
    }


def search(
    definition: Definition,
    options: RunOptions,
    listen: Callable[[Event], None],
    told: Callable[[Study], None],
    until: float | None = None,
) -> Study:
    """Carries out what the options' store lacks of a study; returns it as it then stands.

    The plain VAE comes first. `listen` is called with each event of a run, `told` with the study
    at the start and after each run's end. Nothing is started that would end after `until`, a time
    of time.monotonic. What a study has is read from its records alone, so that it can be cut off
    anywhere, extended, or shared with another process.
    """
    store = Store(options.store)
    results = known_results(definition, store)
    prunes = definition.goal.kind == "nll"
    if not prunes:  # what another goal has pruned is run to its end
        options = dataclasses.replace(options, retry=("skipped",))

    def hear(event: Event) -> None:
        listen(event)
        if prunes and event.kind == "epoch":
            done = trials_of(definition, results.values())
            if reason := reason_to_prune(definition, event, done):
                ask_to_stop(store, event.spec.key, reason)
        if event.kind in ("finished", "elsewhere"):
            record = store.get(event.spec.track.name, event.spec.key)
            if record is not None:
                results[event.spec.key] = record
            told(study_of(definition, results))

    told(study_of(definition, results))
    while specs := _next_runs(definition, results, options, until):
        outcome = carry_out(Plan(specs=specs), options, hear)
        results |= outcome.results
        if outcome.interrupted or any(spec.key not in results for spec in specs):
            found = study_of(definition, results)
            return dataclasses.replace(
                found, interrupted=outcome.interrupted, problems=_problems(outcome)
            )
    return study_of(definition, results)


def _next_runs(
    definition: Definition, results: dict[str, Result], options: RunOptions, until: float | None
) -> tuple[RunSpec, ...]:
    """Returns the runs of the plain VAE, then those of the next trials; none at the end."""
    plain = [spec for spec in definition.baseline if spec.key not in results]
    finished = trials_of(definition, results.values())
    if not plain and len(finished) >= definition.trials:
        return ()
    from fmnbench.tune.sampler import proposals  # Optuna: half a second that only this takes

    jobs, seeds = load_executor(options.executor).settled(options).jobs, len(definition.seeds)
    room = _room(results, jobs, until)
    if plain:
        return tuple(plain) if room >= len(plain) else ()
    batch = proposals(definition, finished, max(1, jobs // seeds))
    if room < len(batch) * seeds:
        batch = batch[: int(room) // seeds]
    return tuple(spec for values in batch for spec in definition.specs(values))


def _room(results: Mapping[str, Result], jobs: int, until: float | None) -> int | float:
    """Returns how many runs, as long as those so far, would end in time."""
    seconds = [each.provenance.seconds for each in results.values() if each.status == "done"]
    if until is None:
        return math.inf
    left = until - time.monotonic()
    if not seconds:
        return math.inf if left > 0 else 0
    return max(0, math.floor(left / statistics.median(seconds))) * jobs


def _problems(outcome: Outcome) -> tuple[str, ...]:
    """Returns why runs have no record, but for those that the user stopped."""
    lines = [str(error) for error in outcome.newer.values()]
    if outcome.left and not outcome.interrupted:
        lines.append(f"{len(outcome.left)} runs left no record")
    return tuple(lines)
