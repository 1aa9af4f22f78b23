"""The Optuna database of studies: a mirror of their records, for optuna-dashboard."""

from pathlib import Path

import optuna
from optuna.study import Study as OptunaStudy

from fmnbench.errors import UsageError
from fmnbench.tune.definition import Definition
from fmnbench.tune.places import tuning_folder
from fmnbench.tune.sampler import directions, frozen, quiet
from fmnbench.tune.search import Study

DATABASE = "optuna.db"


class Mirror:
    """A study in a database, which is written and never relied upon: records are the truth.

    Raises UsageError for a storage that cannot be used.
    """

    def __init__(self, url: str, definition: Definition) -> None:
        quiet()
        self._url = url
        try:
            self._study: OptunaStudy = optuna.create_study(
                study_name=f"{definition.name}, {definition.goal}, {len(definition.seeds)} seeds",
                storage=url,
                directions=directions(definition.goal),
                load_if_exists=True,
            )
            self._known = {_point(trial) for trial in self._study.get_trials(deepcopy=False)}
        except Exception as error:  # noqa: BLE001, RUF100 - each driver has errors of its own
            raise _unusable(url, error) from error

    def told(self, study: Study) -> None:
        """Adds the trials that the database lacks, in their order."""
        for trial in study.trials:
            made = frozen(study.definition, trial)
            if _point(made) in self._known:
                continue
            try:
                self._study.add_trial(made)
            except Exception as error:  # noqa: BLE001, RUF100 - as above
                raise _unusable(self._url, error) from error
            self._known.add(_point(made))


def default_storage(store: Path) -> str:
    """Returns the URL of the database of all studies beside a store: a file of SQLite."""
    folder = tuning_folder(store)
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{(folder / DATABASE).absolute()}"


def _point(trial: optuna.trial.FrozenTrial) -> tuple[tuple[str, object], ...]:
    return tuple(sorted(trial.params.items()))


def _unusable(url: str, error: Exception) -> UsageError:
    reason = str(error).strip().split("\n")[0]
    return UsageError(f"--storage '{url}' cannot be used: {reason}.")
