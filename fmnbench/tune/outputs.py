"""What a study leaves beside its records: summary, trials, figure, and the choice as a suite."""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import pydantic

from fmnbench.errors import RecordError, UsageError
from fmnbench.files import write_atomically
from fmnbench.planning.suite import NO_CRITIC
from fmnbench.spec import Task, digest
from fmnbench.tune.definition import PLAIN
from fmnbench.tune.figure import front_figure
from fmnbench.tune.places import CHOICE, FIGURES, SUMMARY, TRIALS, study_folder, tuning_folder
from fmnbench.tune.search import Study
from fmnbench.tune.space import with_values
from fmnbench.tune.summary import Summary, summary


def write(study: Study, store: Path) -> Summary:
    """Writes what a study leaves into its folder, beside the store; returns its summary.

    A choice of an earlier state of the study is removed where nothing is chosen any more. Trials
    and figure, which follow from the summary, are left as they are where it has not changed.
    """
    asked = study.definition
    folder = study_folder(store, asked.task.track.name, asked.method)
    path = folder / CHOICE
    found = summary(study)
    try:
        if study.choice.trial is None:
            path.unlink(missing_ok=True)
        else:
            found = dataclasses.replace(found, suite=CHOICE)
            write_atomically(path, _suite(study).encode())
        text = json.dumps(dataclasses.asdict(found), indent=1, ensure_ascii=False)
        data = f"{text}\n".encode()
        if not _is_written(folder, data):
            write_atomically(folder / TRIALS, found.frame.to_csv(index=False).encode())
            for name in FIGURES:
                write_atomically(folder / name, front_figure(found, name.rpartition(".")[2]))
            write_atomically(folder / SUMMARY, data)  # last: it vouches for the others
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}.") from None
    return _placed(found, folder)


def _placed(found: Summary, folder: Path) -> Summary:
    """Returns a summary with the path of its choice, which files hold by its name alone."""
    return found if found.suite is None else dataclasses.replace(found, suite=str(folder / CHOICE))


def _is_written(folder: Path, data: bytes) -> bool:
    """Whether a folder has a summary, and the files that follow from it."""
    files = [folder / name for name in (SUMMARY, TRIALS, *FIGURES)]
    return all(path.is_file() for path in files) and files[0].read_bytes() == data


def written(store: Path) -> list[Summary]:
    """Returns the summaries of all studies beside a store, by track and method."""
    reader = pydantic.TypeAdapter(Summary)
    found = []
    for path in sorted(tuning_folder(store).glob(f"*/*/{SUMMARY}")):
        try:
            found.append(_placed(reader.validate_json(path.read_bytes()), path.parent))
        except pydantic.ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise RecordError(f"{path}: it is no summary of a study: {reason}.") from None
    return found


def _suite(study: Study) -> str:
    asked, choice = study.definition, study.choice
    assert choice.trial is not None
    row = with_values(asked.task, choice.trial.values)
    citation = (
        f"fmnbench tune: {len(study.trials)} trials with {len(asked.seeds)} seeds; {choice.reason}"
    )
    lines = [
        "# Chosen by `fmnbench tune` from validation rows alone.",
        "",
        f"title = {_toml(f'{asked.name}, tuned')}",
        f"citation = {_toml(citation)}",
        "",
        "[[tracks]]",
    ]
    lines += [f"{key} = {_toml(value)}" for key, value in _fields(row).items() if value != {}]
    lines += ["", "[tracks.tuned]"]
    lines += [f"{key} = {_toml(value)}" for key, value in _provenance(study).items()]
    return "\n".join(lines) + "\n"


def _fields(row: Task) -> dict[str, object]:
    """Returns the entry of a suite that has a row, and the plain one to compare it with."""
    fields = {key: value for key, value in vars(row.track).items() if value is not None}
    with_critic = row.critic != NO_CRITIC
    fields["critics"] = [NO_CRITIC, row.critic] if with_critic else [NO_CRITIC]
    fields["objectives"] = [row.objective] if with_critic else [PLAIN, row.objective]
    fields["lambda"] = [row.lambda_] if with_critic else []
    for kind, name in (("critic", row.critic), ("objective", row.objective)):
        given = getattr(row, f"{kind}_settings")
        fields[f"{kind}_settings"] = {name: given} if given else {}
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
