"""Which trials lie on the front, and which one is chosen, with the reason in words."""

import dataclasses
from collections.abc import Mapping, Sequence

from fmnbench.board.verdicts import MARGINS, MARGINS_OF_TEXTS
from fmnbench.tune.definition import Definition
from fmnbench.tune.goals import Goal
from fmnbench.tune.space import Values
from fmnbench.tune.trials import AT_CEILING, MI, NLL, Trial


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """The chosen trial, if any qualifies, and why.

    `margin` is in nats: how much worse than the plain VAE's the NLL may be. `alone` says what each
    seed would have chosen by itself: None where nothing would have qualified.
    """

    trial: Trial | None
    reason: str
    margin: float
    alone: Mapping[int, Values | None] = dataclasses.field(default_factory=dict)


def front_of(trials: Sequence[Trial]) -> list[Trial]:
    """Returns the done trials that no other beats in NLL and information, by growing NLL."""
    done = sorted(
        (trial for trial in trials if trial.is_done),
        key=lambda trial: (trial.means[NLL], -trial.means[MI]),
    )
    front: list[Trial] = []
    for trial in done:
        if not front or trial.means[MI] > front[-1].means[MI]:
            front.append(trial)
    return front


def choose(study: Definition, plain: Trial | None, trials: Sequence[Trial]) -> Choice:
    """Returns the choice of a study among its finished trials; the mean over seeds decides.

    For the likelihood alone it is the lowest NLL; else the highest information among trials whose
    NLL is at most the margin above the plain VAE's. A trial that has learned nothing or ignores z
    is never chosen, one at the ceiling of its information only where no other qualifies.
    """
    chosen, reason, margin = _choose(study.goal, plain, trials)
    alone: dict[int, Values | None] = {}
    if len(study.seeds) > 1:
        done = [trial for trial in trials if trial.is_done]
        for seed in study.seeds if plain is not None and plain.is_done else ():
            own = [trial.alone(seed) for trial in done]
            picked, _, _ = _choose(study.goal, plain and plain.alone(seed), own)
            alone[seed] = None if picked is None else picked.values
    return Choice(trial=chosen, reason=reason, margin=margin, alone=alone)


def _choose(
    goal: Goal, plain: Trial | None, trials: Sequence[Trial]
) -> tuple[Trial | None, str, float]:
    if plain is None or not plain.is_done:
        how = "has not been run" if plain is None else f"ended as {plain.status}"
        return None, f"the plain VAE {how}, so nothing can be held against it", 0.0
    margin = goal.margin
    if margin is None:
        margin = (MARGINS_OF_TEXTS if "ppl" in plain.means else MARGINS)["nll"]
    done = [trial for trial in trials if trial.is_done]
    if not done:
        return None, "no trial has come to its end", margin
    sound = [trial for trial in done if not set(trial.flags) - {AT_CEILING}]
    if not sound:
        return None, "every trial has learned nothing or ignores z", margin
    if goal.kind == "nll":
        best = min(sound, key=lambda trial: (trial.means[NLL], *trial.values.values()))
        return best, "it has the lowest validation NLL", margin
    limit = plain.means[NLL] + margin
    near = [trial for trial in sound if trial.means[NLL] <= limit]
    if not near:
        lowest = min(trial.means[NLL] for trial in sound)
        return (
            None,
            f"no trial has an NLL of at most {limit:.2f}, the plain VAE's + {margin:g}; the "
            f"lowest is {lowest:.2f}",
            margin,
        )
    clear = [trial for trial in near if AT_CEILING not in trial.flags]
    best = min(
        clear or near,
        key=lambda trial: (-trial.means[MI], trial.means[NLL], *trial.values.values()),
    )
    reason = (
        f"of {len(near)} trial{'s' * (len(near) != 1)} with an NLL of at most {limit:.2f}, the "
        f"plain VAE's + {margin:g}, it has the highest MI lower"
    )
    if clear and len(clear) < len(near):
        reason += " below the ceiling"
    return best, reason if clear else f"{reason}, which is at its ceiling", margin
