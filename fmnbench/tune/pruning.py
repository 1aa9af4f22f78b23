"""Pruning: a run that is worse than most were at its epoch is stopped, where one goal decides."""

import statistics
from collections.abc import Sequence

from fmnbench.runs.executors.base import Event
from fmnbench.spec import Result
from fmnbench.tune.definition import Definition
from fmnbench.tune.space import POINTS
from fmnbench.tune.trials import PRUNED, Trial

SHARE = 1 / 3  # of the epochs, in which nothing is stopped: methods learn at their own pace


def reason_to_prune(study: Definition, event: Event, trials: Sequence[Trial]) -> str | None:
    """Returns why a run should stop at an epoch, None where it should go on.

    The median rule (Golovin et al. 2017, sec. 3.2.2): its bound on validation rows, in nats, is
    worse than the median of done trials with the same seed at this epoch. Before the first grid is
    done nothing is stopped. For studies whose goal is the likelihood alone.
    """
    bound = event.bound
    if bound is None or event.epoch < SHARE * event.spec.track.epochs:
        return None
    if study.values(event.spec) is None:
        return None  # the plain VAE
    done = [trial.results[event.spec.seed] for trial in trials if trial.is_done]
    others = [value for each in done if (value := _bound(each, event.epoch)) is not None]
    if len(others) < POINTS or bound <= (median := statistics.median(others)):
        return None
    return (
        f"{PRUNED} after epoch {event.epoch}: its bound on validation rows, {bound:.2f} nats, is "
        f"above {median:.2f}, the median of {len(others)} trials"
    )


def _bound(result: Result, epoch: int) -> float | None:
    """Returns reconstruction + KL of validation rows at an epoch, None where it has none."""
    for entry in result.curve:
        if entry["epoch"] == epoch and "validation.kl" in entry:
            return entry["validation.reconstruction"] + entry["validation.kl"]
    return None
