"""From a selection to studies: one for each track, the cheapest first."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from fmnbench.board.relations import changed_settings
from fmnbench.data.identity import missing
from fmnbench.errors import UsageError
from fmnbench.planning.costs import cheapest_first, recorded_costs
from fmnbench.planning.plan import Selection, tasks
from fmnbench.planning.suite import NO_CRITIC
from fmnbench.planning.suite_file import all_suites, load_suite
from fmnbench.records.store import Store
from fmnbench.registry import remedies
from fmnbench.seeds import TUNING
from fmnbench.spec import Task
from fmnbench.tune.definition import PLAIN, Definition
from fmnbench.tune.goals import Goal
from fmnbench.tune.space import space_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked of every study: its critic, space, goal, and how much is run.

    `space` are texts such as "lambda=log:0.1:100". `objective` None is a suite's own.
    """

    critic: str
    objective: str | None = None
    space: Sequence[str] = ()
    goal: Goal
    trials: int
    seeds: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Studies:
    """Studies in the order of their cost, and the rows of tracks whose data are missing."""

    ready: tuple[Definition, ...]
    missing: tuple[Task, ...]


def studies(selection: Selection, wanted: Wanted, store: Path) -> Studies:
    """Returns the studies of all tracks that a selection names; `store` tells what runs cost.

    An objective with ranges of its own is tuned without the critic, too, so that both have had
    the same number of trials. Raises UsageError for what cannot be tuned.
    """
    for name, value in (("--trials", wanted.trials), ("--seeds", wanted.seeds)):
        if value < 1:
            raise UsageError(f"{name} is {value}; it must be at least 1.")
    rows = _rows(selection, wanted)
    absent = [row for row in rows.values() if missing_data(row)]
    made = [
        _definition(row, wanted, alone=alone)
        for row in rows.values()
        if row not in absent
        for alone in ([True, False] if _needs_baseline(row) else [False])
    ]
    specs = [each.baseline[0] for each in made]
    ordered = cheapest_first(specs, recorded_costs(specs, Store(store), "cpu"))
    places = {spec.track.name: place for place, spec in reversed(list(enumerate(ordered)))}
    made.sort(key=lambda each: places[each.task.track.name])
    return Studies(ready=tuple(made), missing=tuple(absent))


def _rows(selection: Selection, wanted: Wanted) -> Mapping[str, Task]:
    """Returns a row of each track, by its name: with the first λ of the suite, or else 1."""
    chosen = dataclasses.replace(
        selection,
        critics=(wanted.critic,),
        objectives=() if wanted.objective is None else (wanted.objective,),
        lambdas=(1.0,),
    )
    suites = [load_suite(name) for name in selection.suites] or all_suites()
    own = {
        each.track.name: each.lambdas[0]
        for suite in suites
        for each in suite.comparisons
        if each.lambdas and wanted.critic != NO_CRITIC
    }
    rows: dict[str, Task] = {}
    for row in tasks(chosen):
        weight = own.get(changed_settings(row.track.name)[0], row.lambda_)
        rows.setdefault(row.track.name, dataclasses.replace(row, lambda_=weight))
    return rows


def _definition(row: Task, wanted: Wanted, *, alone: bool) -> Definition:
    """Returns the study around a row, or `alone` that of its objective without the critic."""
    space = space_of(row, wanted.space)
    if alone:
        row = dataclasses.replace(row, critic=NO_CRITIC, critic_settings={}, lambda_=0.0)
        space = tuple(each for each in space if each.key.startswith("objective."))
    return Definition(
        task=row,
        space=space,
        seeds=tuple(range(TUNING, TUNING + wanted.seeds)),
        trials=wanted.trials,
        goal=wanted.goal,
    )


def _needs_baseline(row: Task) -> bool:
    """Whether a critic is tuned together with an objective that has ranges of its own."""
    is_both = row.critic != NO_CRITIC and row.objective != PLAIN
    return is_both and bool(remedies.ranges(row.objective))


def missing_data(row: Task) -> str:
    """Returns how to install the data of a row, "" where they are here."""
    return missing(row.track.dataset, row.track.dataset_settings)
