"""What to try next: a grid that spans the first range, then Optuna's TPE around the front."""

import warnings
from collections.abc import Iterable, Iterator, Sequence

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from fmnbench.seeds import derived_seed
from fmnbench.tune.definition import Definition
from fmnbench.tune.goals import Goal
from fmnbench.tune.space import POINTS, Number, Parameter, first_points
from fmnbench.tune.trials import MI, NLL, Trial

ATTEMPTS = 100  # proposals that may repeat a trial before a space counts as exhausted
SEEDS = 2**32  # the sampler takes 32 bits


def proposals(study: Definition, finished: Sequence[Trial], width: int) -> list[dict[str, Number]]:
    """Returns the next values to try, none where the study is complete or its space exhausted.

    First those points of the grid that are left, all at once; then `width` at a time. A batch
    depends on the trials before it alone, so that a study cut off in a batch takes up the same.
    No values are proposed that a finished trial has.
    """
    taken = [dict(trial.values) for trial in finished]
    left = study.trials - len(finished)
    grid = [dict(point) for point in first_points(study.space)[: study.trials]]
    if rest := [point for point in grid if point not in taken][: max(left, 0)]:
        return rest
    later = [trial for trial in finished if dict(trial.values) not in grid]
    for whole in (len(later) - len(later) % width, len(later)):
        before = len(finished) - len(later) + whole
        known = [trial for trial in finished if trial not in later[whole:]]
        batch = _batch(study, known, min(width, study.trials - before))
        if new := [values for values in batch if values not in taken][: max(left, 0)]:
            return new
    return []


def quiet() -> None:
    """Stops Optuna's own log lines."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def directions(goal: Goal) -> list[StudyDirection]:
    """Returns Optuna's directions of a goal's objectives, NLL first."""
    nll, information = StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE
    return [nll] if goal.kind == "nll" else [nll, information]


def frozen(study: Definition, trial: Trial) -> FrozenTrial:
    """Returns a finished trial as Optuna holds it; one without numbers has failed."""
    numbers = [trial.means[NLL], trial.means[MI]] if trial.is_done else []
    return create_trial(
        state=TrialState.COMPLETE if trial.is_done else TrialState.FAIL,
        values=numbers[: len(directions(study.goal))] or None,
        params=dict(trial.values),
        distributions=distributions(study.space),
        user_attrs={"status": trial.ending, "flags": list(trial.flags)},
    )


def distributions(space: Iterable[Parameter]) -> dict[str, BaseDistribution]:
    """Returns the searched ranges as Optuna's distributions."""
    made: dict[str, BaseDistribution] = {}
    for each in space:
        low, high = each.at(0.0), each.at(1.0)
        if each.is_whole:
            made[each.key] = IntDistribution(int(low), int(high), log=each.span.log)
        else:
            made[each.key] = FloatDistribution(low, high, log=each.span.log)
    return made


def _batch(study: Definition, known: Sequence[Trial], count: int) -> list[dict[str, Number]]:
    """Returns new values after some known trials: the same ones every time."""
    seen = [dict(trial.values) for trial in known]
    batch: list[dict[str, Number]] = []
    for values in _asked(study, known):
        if len(batch) == count:
            break
        if values not in seen:
            batch.append(values)
            seen.append(values)
    return batch


def _asked(study: Definition, known: Sequence[Trial]) -> Iterator[dict[str, Number]]:
    """Yields what the sampler proposes, each proposal counting as a trial under way.

    The order of the known trials does not matter. The sampler's seed comes from the study's and
    the number of known trials: a fixed one would repeat its proposals after each resume.
    """
    quiet()
    seed = derived_seed(study.seeds[0], f"proposals/{len(known)}") % SEEDS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=POINTS, multivariate=len(study.space) > 1
        )
    search = optuna.create_study(directions=directions(study.goal), sampler=sampler)
    ordered = sorted(known, key=lambda trial: tuple(trial.values.values()))
    search.add_trials([frozen(study, trial) for trial in ordered])
    for _ in range(ATTEMPTS):
        asked = search.ask(distributions(study.space))
        yield {each.key: each.tidy(asked.params[each.key]) for each in study.space}
