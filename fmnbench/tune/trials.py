"""Trials: what the records of a study say of each set of values, over its seeds."""

import dataclasses
import functools
from collections.abc import Iterable, Mapping

from fmnbench.board.flags import NEAR_CEILING, ignores_z
from fmnbench.board.statistics import mean, std
from fmnbench.spec import Result, Status
from fmnbench.tune.definition import Definition
from fmnbench.tune.space import Number, Values

NLL, MI = "nll", "mi_lower"
PRUNED = "pruned"  # how the error of a run begins that was stopped
LEARNED_NOTHING, IGNORES_Z, AT_CEILING = "learned nothing", "ignores z", "MI at its ceiling"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """One set of values, with a result for each seed of the study; of the plain VAE none."""

    values: Values
    results: Mapping[int, Result]

    @property
    def status(self) -> Status:
        """Done if all runs are, else how the first other one ended."""
        others = [each.status for each in self.results.values() if each.status != "done"]
        return others[0] if others else "done"

    @property
    def ending(self) -> str:
        """Its status for people: pruned, if a run of it was."""
        return PRUNED if any(map(is_pruned, self.results.values())) else self.status

    @property
    def is_done(self) -> bool:
        """Whether its numbers can be compared: NLL and information with every seed."""
        return self.status == "done" and {NLL, MI} <= self.means.keys()

    @functools.cached_property
    def means(self) -> dict[str, float]:
        """The mean of each metric over the seeds, of those that every record has."""
        tables = [each.metrics for each in self.results.values()]
        shared = [name for name in tables[0] if all(name in table for table in tables)]
        return {name: mean([table[name] for table in tables]) for name in shared}

    def spread(self, metric: str) -> float | None:
        """Returns the sample standard deviation over the seeds, None with one seed."""
        return std([each.metrics[metric] for each in self.results.values()], population=False)

    @functools.cached_property
    def flags(self) -> tuple[str, ...]:
        """What makes a trial unfit to be chosen, with any of its seeds."""
        found = [_flags(each) for each in self.results.values() if each.status == "done"]
        return tuple(dict.fromkeys(flag for flags in found for flag in flags))

    @property
    def started(self) -> str:
        """When its first run began, UTC in ISO 8601."""
        return min(each.provenance.started for each in self.results.values())

    @property
    def seconds(self) -> float:
        """The seconds of its runs together."""
        return sum(each.provenance.seconds for each in self.results.values())

    def alone(self, seed: int) -> "Trial":
        """Returns the trial as one seed alone would have shown it."""
        return Trial(values=self.values, results={seed: self.results[seed]})


def is_pruned(result: Result) -> bool:
    """Whether a run was stopped as one that was not worth its end."""
    return result.status == "skipped" and (result.error or "").startswith(PRUNED)


def trials_of(study: Definition, results: Iterable[Result]) -> list[Trial]:
    """Returns the finished trials of a study, those with a record for each seed, as they began."""
    groups: dict[tuple[tuple[str, Number], ...], dict[int, Result]] = {}
    for result in results:
        values = study.values(result.spec)
        if values is not None:
            groups.setdefault(tuple(values.items()), {})[result.spec.seed] = result
    whole = [
        Trial(values=dict(values), results={seed: found[seed] for seed in study.seeds})
        for values, found in groups.items()
        if len(found) == len(study.seeds)
    ]
    return sorted(whole, key=lambda trial: (trial.started, *trial.values.values()))


def baseline_of(study: Definition, results: Mapping[str, Result]) -> Trial | None:
    """Returns the plain VAE as a trial without values, None unless all its runs have a record."""
    found = {spec.seed: results[spec.key] for spec in study.baseline if spec.key in results}
    return Trial(values={}, results=found) if len(found) == len(study.seeds) else None


def _flags(result: Result) -> list[str]:
    metrics = result.metrics
    flags = []
    if "reference.nll" in metrics and metrics.get(NLL, 0.0) >= metrics["reference.nll"]:
        flags.append(LEARNED_NOTHING)
    if ignores_z(result):
        flags.append(IGNORES_Z)
    ceiling = metrics.get("mi_ceiling")
    if ceiling is not None and metrics.get(MI, 0.0) >= (1 - NEAR_CEILING) * ceiling:
        flags.append(AT_CEILING)
    return flags
