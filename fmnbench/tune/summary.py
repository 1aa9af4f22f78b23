"""A study as plain values: what is printed, written as JSON and CSV, and returned to scripts."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fmnbench.tune.search import Study
from fmnbench.tune.space import Number, Parameter
from fmnbench.tune.trials import NLL, Trial

if TYPE_CHECKING:  # pandas is for who asks for a frame
    import pandas as pd

LEADING = ("nll", "mi_lower", "mi_upper", "mi_ceiling", "elbo", "kl", "au")  # columns of a frame


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrialRow:
    """One trial, or the plain VAE, which has no `values`.

    `metrics` are means over the seeds, of validation rows; none unless all runs are done.
    `nll_std` is the sample standard deviation over seeds, `against_vae` the NLL minus the plain
    VAE's, in nats. `flags` say why it could not be chosen, `seconds` are those of all its runs.
    """

    values: Mapping[str, Number]
    status: str
    metrics: Mapping[str, float]
    nll_std: float | None
    against_vae: float | None
    flags: tuple[str, ...]
    seconds: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Summary:
    """A study: its trials as they began, the places of the front's and the chosen one among them.

    `alone` says what each seed by itself would have chosen, None for nothing. `wanted` is the
    number of trials asked for, `margin` in nats, `own` the values that the track's suite has,
    `suite` the file of the choice.
    """

    track: str
    method: str
    critic: str
    objective: str
    goal: str
    margin: float
    space: Mapping[str, str]
    seeds: tuple[int, ...]
    nll_samples: int
    epochs: int
    wanted: int
    vae: TrialRow | None
    trials: tuple[TrialRow, ...]
    front: tuple[int, ...]
    chosen: int | None
    reason: str
    alone: Mapping[str, Mapping[str, Number] | None]
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    interrupted: bool = False
    own: Mapping[str, Number] = dataclasses.field(default_factory=dict)
    suite: str | None = None

    @property
    def choice(self) -> TrialRow | None:
        """The chosen trial, if any qualifies."""
        return None if self.chosen is None else self.trials[self.chosen]

    @property
    def frame(self) -> "pd.DataFrame":
        """The trials as a frame, a row each after that of the plain VAE."""
        import pandas as pd

        rows = [*([] if self.vae is None else [self.vae]), *self.trials]
        names = {name for row in rows for name in row.metrics}
        ordered = [*(n for n in LEADING if n in names), *sorted(names - set(LEADING))]
        return pd.DataFrame(
            [
                {
                    "method": "VAE" if row is self.vae else self.method,
                    **{key: row.values.get(key) for key in self.space},
                    "status": row.status,
                    "seeds": len(self.seeds),
                    **{name: row.metrics.get(name) for name in ordered},
                    "nll_std": row.nll_std,
                    "nll_minus_vae": row.against_vae,
                    "flags": ", ".join(row.flags),
                    "front": place in self.front,
                    "chosen": place == self.chosen,
                    "seconds": row.seconds,
                }
                for place, row in enumerate(rows, start=len(self.trials) - len(rows))
            ]
        )


def summary(study: Study) -> Summary:
    """Returns a study as plain values."""
    asked, choice = study.definition, study.choice
    front = {id(trial) for trial in study.front}
    return Summary(
        track=asked.task.track.name,
        method=asked.method,
        critic=asked.task.critic,
        objective=asked.task.objective,
        goal=str(asked.goal),
        margin=choice.margin,
        space={each.key: str(each.span) for each in asked.space},
        seeds=asked.seeds,
        nll_samples=asked.task.track.nll_samples,
        epochs=asked.task.track.epochs,
        wanted=asked.trials,
        vae=None if study.baseline is None else _row(study.baseline, study),
        trials=tuple(_row(trial, study) for trial in study.trials),
        front=tuple(place for place, trial in enumerate(study.trials) if id(trial) in front),
        chosen=None if choice.trial is None else study.trials.index(choice.trial),
        reason=choice.reason,
        alone={str(seed): values for seed, values in choice.alone.items()},
        warnings=tuple(_edges(study)),
        problems=study.problems,
        interrupted=study.interrupted,
        own={each.key: each.start for each in asked.space},
    )


def _row(trial: Trial, study: Study) -> TrialRow:
    base = study.baseline
    is_held_against = trial.is_done and base is not None and base.is_done
    return TrialRow(
        values=trial.values,
        status=trial.ending,
        metrics=trial.means if trial.status == "done" else {},
        nll_std=trial.spread(NLL) if trial.is_done else None,
        against_vae=trial.means[NLL] - base.means[NLL] if base and is_held_against else None,
        flags=trial.flags,
        seconds=trial.seconds,
    )


def _edges(study: Study) -> list[str]:
    """Returns a warning for each chosen value that lies at an end of its range."""
    chosen = study.choice.trial
    return [
        f"{each.key} {chosen.values[each.key]:g} lies at the {edge} end of its range, "
        f"{each.span}; a wider one: --space {each.key}={_wider(each, edge)}"
        for each in study.definition.space
        if chosen is not None and (edge := each.edge(chosen.values[each.key]))
    ]


def _wider(parameter: Parameter, edge: str) -> str:
    """Returns a range that goes further where a choice lies at its edge, as --space takes it."""
    low, high = parameter.span.low, parameter.span.high
    if parameter.span.log:
        low, high = (low / 10, high) if edge == "lower" else (low, high * 10)
        return f"log:{low:g}:{high:g}"
    width = high - low
    low, high = (low - width, high) if edge == "lower" else (low, high + width)
    return f"linear:{low:g}:{high:g}"
