"""What a study is: a row of a track, the space around it, the seeds of its trials and its goal."""

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from pathlib import Path

from fmnbench.errors import UsageError
from fmnbench.planning.plan import resolve
from fmnbench.planning.suite import NO_CRITIC
from fmnbench.spec import Result, RunSpec, Settings, Task
from fmnbench.tune.goals import Goal
from fmnbench.tune.space import LAMBDA, Number, Parameter, Values, value_of, with_values

PLAIN = "elbo"  # the objective of the plain VAE


@dataclasses.dataclass(frozen=True, kw_only=True)
class Definition:
    """All that determines a study's trials, in their order.

    `task` is the row around which is searched. Every trial has all `seeds`, which are of tuning.
    """

    task: Task
    space: tuple[Parameter, ...]
    seeds: tuple[int, ...]
    trials: int
    goal: Goal

    @property
    def method(self) -> str:
        """What is tuned, as its folder is called: self, beta, or self+beta for both."""
        parts = [self.task.critic] if self.task.critic != NO_CRITIC else []
        parts += [self.task.objective] if self.task.objective != PLAIN or not parts else []
        return "+".join(parts)

    @property
    def name(self) -> str:
        """The study's name for people."""
        return f"{self.method} on {self.task.track.name}"

    def specs(self, values: Values) -> tuple[RunSpec, ...]:
        """Returns the runs of one trial, one for each seed."""
        return _runs(with_values(self.task, values), self.seeds)

    @functools.cached_property
    def baseline(self) -> tuple[RunSpec, ...]:
        """The runs of the plain VAE that trials are held against."""
        plain = Task(track=self.task.track, critic=NO_CRITIC, objective=PLAIN)
        return _runs(plain, self.seeds)

    @functools.cached_property
    def _model(self) -> RunSpec:
        """A run of this study, at the lowest values."""
        return self.specs({each.key: each.at(0.0) for each in self.space})[0]

    def values(self, spec: RunSpec) -> dict[str, Number] | None:
        """Returns the searched values of a run; None where it is not one of this study."""
        if spec.seed not in self.seeds or _without(spec, self.space) != self._bare:
            return None
        values = {each.key: value_of(spec, each.key) for each in self.space}
        numbers = {key: value for key, value in values.items() if isinstance(value, int | float)}
        inside = (
            each.key in numbers and each.span.low <= numbers[each.key] <= each.span.high
            for each in self.space
        )
        return numbers if all(inside) else None

    @functools.cached_property
    def _bare(self) -> RunSpec:
        return _without(self._model, self.space)

    def require_same_code(self, results: Iterable[Result], folder: Path) -> None:
        """Raises UsageError where trials of this method come from other code, data or track."""
        for result in results:
            spec = result.spec
            if (spec.critic, spec.objective) != (self.task.critic, self.task.objective):
                continue
            if difference := _difference(spec, self._model):
                raise UsageError(
                    f"The trials of {self.name} in {folder} were made with {difference}; delete "
                    "the folder, or name another --store."
                )


def _runs(task: Task, seeds: Sequence[int]) -> tuple[RunSpec, ...]:
    first = dataclasses.replace(resolve(task, seeds[0]), judged="validation")
    return tuple(dataclasses.replace(first, seed=seed) for seed in seeds)


def _without(spec: RunSpec, space: Sequence[Parameter]) -> RunSpec:
    """Returns a run without its seed and searched values: what a study's runs have in common."""
    keys = {each.key for each in space}

    def others(kind: str, settings: Settings) -> Settings:
        return {name: value for name, value in settings.items() if f"{kind}.{name}" not in keys}

    return dataclasses.replace(
        spec,
        seed=0,
        lambda_=0.0 if LAMBDA in keys else spec.lambda_,
        critic_settings=others("critic", spec.critic_settings),
        objective_settings=others("objective", spec.objective_settings),
    )


def _difference(old: RunSpec, new: RunSpec) -> str:
    """Returns in what the code, data or track of two runs differ, "" where they do not."""
    if old.track != new.track:
        return f"another track '{old.track.name}'"
    theirs = {**old.versions, "dataset": old.dataset_fingerprint}
    ours = {**new.versions, "dataset": new.dataset_fingerprint}
    for name in sorted(theirs | ours):
        if theirs.get(name) != ours.get(name):
            before, now = (str(each.get(name, "none"))[:8] for each in (theirs, ours))
            return f"another version of the {name}, {before} (now {now})"
    return ""
