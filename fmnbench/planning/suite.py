"""Suites: tracks, the methods compared on each, and how the tracks relate to each other."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from fmnbench.board.relations import Relations, SmallerCopy, Superseded, Tuned, TunedRow
from fmnbench.registry import critics
from fmnbench.spec import Settings, Task, Track

NO_CRITIC = "none"


@dataclasses.dataclass(frozen=True, kw_only=True)
class LatentFree:
    """The model without a latent that a track's models must beat, trained by the same recipe.

    `name` is that of its own track; without one it is `<track>-latent-free`.
    """

    name: str = ""
    architecture: str
    architecture_settings: Settings = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows of a table: a critic with a remedy, at some weights λ; as it stands, the plain VAE.

    `settings` are the remedy's. A critic without `lambdas` has those of its track.
    """

    critic: str = NO_CRITIC
    remedy: str = "elbo"
    lambdas: tuple[float, ...] = ()
    critic_settings: Settings = dataclasses.field(default_factory=dict)
    settings: Settings = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """A track with the methods that a suite compares on it.

    `critics` may be "all": every registered critic, plug-ins included. Settings are by component
    name and hold for this track. `lambdas` are the weights at which each critic is run. `judge`
    names the track that tests the conclusions published on this one. `margins` are, by metric, the
    differences from the plain VAE that count as none; `tolerance` is relative, how much a metric
    may differ when a run is repeated. `tuned` says how tuning chose the weights and settings.
    `rows` come after those of critics and objectives: critics with remedies, settings in turn.
    """

    track: Track
    latent_free: LatentFree | None = None
    judge: str | None = None
    smaller_copy_of: SmallerCopy | None = None
    superseded: Superseded | None = None
    margins: Mapping[str, float] = dataclasses.field(default_factory=dict)
    tolerance: float | None = None
    tuned: Tuned | None = None
    critics: tuple[str, ...] | Literal["all"] = (NO_CRITIC,)
    objectives: tuple[str, ...] = ("elbo",)
    lambdas: tuple[float, ...]
    rows: tuple[Rows, ...] = ()
    critic_settings: Mapping[str, Settings] = dataclasses.field(default_factory=dict)
    objective_settings: Mapping[str, Settings] = dataclasses.field(default_factory=dict)

    def tasks(
        self,
        chosen_critics: Sequence[str] = (),
        chosen_objectives: Sequence[str] = (),
        lambdas: Sequence[float] = (),
    ) -> Iterator[Task]:
        """Yields the rows: each critic with the first objective, other objectives without critic.

        Chosen names and weights replace the suite's own; critics and objectives that are both
        chosen are all combined. Without a critic λ has no effect, so there it is 0. The
        latent-free model comes first, as a track of its own, unless something is chosen. Then
        come the `rows`, of chosen names in place of the combination that has their names. A
        superseded track has no rows to run.
        """
        if self.superseded is not None:
            return
        listed = [task for rows in self.rows for task in self._of(rows, lambdas)]
        if chosen_critics or chosen_objectives:
            listed = [
                task
                for task in listed
                if task.critic in (chosen_critics or [NO_CRITIC])
                and task.objective in (chosen_objectives or self.objectives[:1])
            ]
        taken = {(task.critic, task.objective) for task in listed}
        for task in self._combined(chosen_critics, chosen_objectives, lambdas):
            if (task.critic, task.objective) not in taken:
                yield task
        yield from listed

    def _of(self, rows: Rows, lambdas: Sequence[float]) -> Iterator[Task]:
        weights = lambdas or rows.lambdas or self.lambdas
        for weight in (0.0,) if rows.critic == NO_CRITIC else weights:
            yield Task(
                track=self.track,
                critic=rows.critic,
                critic_settings={
                    **self.critic_settings.get(rows.critic, {}),
                    **rows.critic_settings,
                },
                objective=rows.remedy,
                objective_settings=rows.settings,
                lambda_=weight,
            )

    def _combined(
        self,
        chosen_critics: Sequence[str],
        chosen_objectives: Sequence[str],
        lambdas: Sequence[float],
    ) -> Iterator[Task]:
        if self.reference is not None and not (chosen_critics or chosen_objectives or lambdas):
            yield Task(track=self.reference, critic=NO_CRITIC, objective=self.objectives[0])
        critic_names = chosen_critics or self.critic_names()
        own = self.objectives[:1] if chosen_critics else self.objectives
        objective_names = chosen_objectives or own
        for place, objective in enumerate(objective_names):
            is_alone = place > 0 and not chosen_critics
            for critic in [NO_CRITIC] if is_alone else critic_names:
                for weight in (0.0,) if critic == NO_CRITIC else (lambdas or self.lambdas):
                    yield Task(
                        track=self.track,
                        critic=critic,
                        critic_settings=self.critic_settings.get(critic, {}),
                        objective=objective,
                        objective_settings=self.objective_settings.get(objective, {}),
                        lambda_=weight,
                    )

    @property
    def reference(self) -> Track | None:
        """The track of the latent-free model."""
        model = self.latent_free
        if model is None:
            return None
        return dataclasses.replace(
            self.track,
            name=model.name or f"{self.track.name}-latent-free",
            architecture=model.architecture,
            architecture_settings=model.architecture_settings,
        )

    def critic_names(self) -> Sequence[str]:
        """The suite's critics, the plain VAE first."""
        if self.critics == "all":
            return sorted(critics.names(), key=lambda name: (name != NO_CRITIC, name))
        return self.critics


@dataclasses.dataclass(frozen=True, kw_only=True)
class Suite:
    """A named list of comparisons with its citation."""

    name: str
    title: str
    citation: str
    comparisons: tuple[Comparison, ...]


def relations(suites: Iterable[Suite]) -> Relations:
    """Returns the relations between tracks that suites state; of two the later suite's holds."""
    found = [comparison for suite in suites for comparison in suite.comparisons]
    tuned: dict[str, list[TunedRow]] = {}
    for each in found:
        if each.tuned is not None:
            *_, task = each.tasks()
            rows = tuned.setdefault(each.track.name, [])
            rows.append(TunedRow(task=task, how=each.tuned))
    return Relations(
        latent_free={each.track.name: each.reference.name for each in found if each.reference},
        judges={each.track.name: each.judge for each in found if each.judge},
        smaller_copies={
            each.track.name: each.smaller_copy_of for each in found if each.smaller_copy_of
        },
        tolerances={
            each.track.name: each.tolerance for each in found if each.tolerance is not None
        },
        margins={each.track.name: each.margins for each in found if each.margins},
        superseded={each.track.name: each.superseded for each in found if each.superseded},
        tuned=tuned,
    )
