"""What a study leaves beside its records: the choice, as a suite that `run` takes as it is."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from fmnbench.files import write_atomically
from fmnbench.planning.suite import NO_CRITIC
from fmnbench.spec import Task, digest
from fmnbench.tune.definition import PLAIN, track_folder
from fmnbench.tune.search import Study
from fmnbench.tune.space import with_values

CHOICE = "choice.toml"


def study_folder(study: Study, store: Path) -> Path:
    """Returns the folder of a study, beside the store of reported runs."""
    asked = study.definition
    return track_folder(store, asked.task.track.name) / asked.method


def write_choice(study: Study, store: Path) -> Path | None:
    """Writes the choice of a study as a suite; returns its file, None where nothing is chosen.

    A choice of an earlier state of the study is removed then.
    """
    path = study_folder(study, store) / CHOICE
    if study.choice.trial is None:
        path.unlink(missing_ok=True)
        return None
    write_atomically(path, _suite(study).encode())
    return path


def _suite(study: Study) -> str:
    asked, choice = study.definition, study.choice
    assert choice.trial is not None
    row = with_values(asked.task, choice.trial.values)
    lines = [
        "# Chosen by `fmnbench tune` from validation rows alone.",
        "",
        f"title = {_toml(f'{asked.name}, tuned')}",
        f"citation = {_toml(_citation(study))}",
        "",
        "[[tracks]]",
    ]
    lines += [f"{key} = {_toml(value)}" for key, value in _fields(row).items() if value != {}]
    lines += ["", "[tracks.tuned]"]
    lines += [f"{key} = {_toml(value)}" for key, value in _provenance(study).items()]
    return "\n".join(lines) + "\n"


def _citation(study: Study) -> str:
    trials, seeds = len(study.trials), len(study.definition.seeds)
    return f"fmnbench tune: {trials} trials with {seeds} seeds; {study.choice.reason}"


def _fields(row: Task) -> dict[str, object]:
    """Returns the entry of a suite that has a row, and the plain one to compare it with."""
    fields = {key: value for key, value in row.track.identity.items() if value is not None}
    fields["critics"] = list(dict.fromkeys([NO_CRITIC, row.critic]))
    with_critic = row.critic != NO_CRITIC
    fields["objectives"] = [row.objective] if with_critic else [PLAIN, row.objective]
    fields["lambda"] = [row.lambda_] if with_critic else []
    fields["critic_settings"] = {row.critic: row.critic_settings} if row.critic_settings else {}
    given = row.objective_settings
    fields["objective_settings"] = {row.objective: given} if given else {}
    return fields


def _provenance(study: Study) -> dict[str, object]:
    asked = study.definition
    runs = [result for trial in study.trials for result in trial.results.values()]
    runs += study.baseline.results.values() if study.baseline else ()
    return {
        "study": asked.name,
        "trials": len(study.trials),
        "baseline_trials": 1,
        "seeds": len(asked.seeds),
        "goal": str(asked.goal),
        "margin": study.choice.margin,
        "records": digest(sorted(result.numbers for result in runs)),
    }


def _toml(value: object) -> str:
    """Returns a value as TOML writes it, tables inline."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Iterable):
        return f"[{', '.join(map(_toml, value))}]"
    return repr(value)
