"""A study as plain values: what --json prints, and the columns of its trials."""

from collections.abc import Mapping

from fmnbench.tune.search import Study
from fmnbench.tune.trials import MI, NLL, Trial

NUMBERS = (NLL, "elbo", "kl", MI, "mi_upper", "mi_ceiling", "au", "reference.nll")


def plain_values(study: Study) -> dict[str, object]:
    """Returns all of a study that JSON can hold; numbers are means over its seeds, in nats."""
    asked, choice = study.definition, study.choice
    front = study.front
    return {
        "track": asked.task.track.name,
        "method": asked.method,
        "critic": asked.task.critic,
        "objective": asked.task.objective,
        "goal": str(asked.goal),
        "margin": choice.margin,
        "seeds": list(asked.seeds),
        "nll_samples": asked.task.track.nll_samples,
        "space": {each.key: str(each.span) for each in asked.space},
        "trials_wanted": asked.trials,
        "trials_of_the_plain_vae": 1 if study.baseline else 0,
        "vae": None if study.baseline is None else row(study.baseline, study),
        "trials": [row(trial, study) for trial in study.trials],
        "front": [place for place, trial in enumerate(study.trials) if trial in front],
        "chosen": None if choice.trial is None else study.trials.index(choice.trial),
        "reason": choice.reason,
        "chosen_by_each_seed": {str(seed): values for seed, values in choice.alone.items()},
        "warnings": edges(study),
        "problems": list(study.problems),
        "interrupted": study.interrupted,
    }


def row(trial: Trial, study: Study) -> dict[str, object]:
    """Returns a trial's values, status, numbers and flags."""
    metrics: Mapping[str, float] = trial.means if trial.status == "done" else {}
    spread = trial.spread(NLL) if trial.is_done else None
    base = study.baseline
    against = None
    if trial.is_done and base is not None and base.is_done:
        against = trial.means[NLL] - base.means[NLL]
    return {
        **trial.values,
        "status": trial.status,
        **{name: metrics.get(name) for name in NUMBERS},
        "nll_std": spread,
        "nll_minus_vae": against,
        "flags": list(trial.flags),
        "seconds": trial.seconds,
    }


def edges(study: Study) -> list[str]:
    """Returns a warning for each chosen value that lies at an end of its range."""
    if study.choice.trial is None:
        return []
    found = []
    for each in study.definition.space:
        value = study.choice.trial.values[each.key]
        if edge := each.edge(value):
            wider = (
                (each.span.low / 10, each.span.high)
                if edge == "lower"
                else (each.span.low, each.span.high * 10)
            )
            found.append(
                f"{each.key} {value:g} lies at the {edge} end of its range, {each.span}; a wider "
                f"one: --space {each.key}={'log' if each.span.log else 'linear'}:"
                f"{wider[0]:g}:{wider[1]:g}"
            )
    return found
