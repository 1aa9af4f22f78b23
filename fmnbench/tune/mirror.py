"""The Optuna database of studies: a mirror of their records, for optuna-dashboard."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import optuna
from optuna.study import Study as OptunaStudy
from optuna.trial import FrozenTrial
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from fmnbench.errors import UsageError
from fmnbench.tune.definition import Definition
from fmnbench.tune.places import tuning_folder
from fmnbench.tune.sampler import directions, frozen, quiet
from fmnbench.tune.search import Study

DATABASE = "optuna.db"
Entry: TypeAlias = tuple[object, ...]  # what a trial of a database says


class Mirror:
    """A study in a database, which is written and never relied upon: records are the truth.

    A context that closes its connections. Raises UsageError for a storage that cannot be used.
    `problem` says, once the storage has failed in the middle of a study, why: it is then left as
    it is, and the study goes on.
    """

    def __init__(self, url: str, definition: Definition) -> None:
        quiet()
        self._url = url
        self._definition = definition
        self._name = f"{definition.name}, {definition.goal}, {len(definition.seeds)} seeds"
        self.problem: str | None = None
        with self._usable(), contextlib.ExitStack() as failed:
            self._storage = optuna.storages.RDBStorage(url)
            failed.callback(self._storage.engine.dispose)
            failed.callback(self._storage.remove_session)
            self._study = self._made()
            self._held = {_entry(trial) for trial in self._study.get_trials(deepcopy=False)}
            self._closing = failed.pop_all()
        self._told: set[Entry] | None = None  # values, once the database is compared

    def __enter__(self) -> "Mirror":
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def told(self, study: Study) -> None:
        """Adds the trials that the database lacks, in their order.

        A database that says otherwise than the records, as after a change of code, is made anew.
        """
        if self.problem is not None:
            return
        try:
            with self._usable():
                self._add(study)
        except UsageError as error:
            self.problem = f"{error} The next tune adds what is missing there."

    def _add(self, study: Study) -> None:
        if self._told is None:
            self._told = set()
            made = [_entry(frozen(self._definition, trial)) for trial in study.trials]
            if not self._held <= {*made}:
                optuna.delete_study(study_name=self._name, storage=self._storage)
                self._study, self._held = self._made(), set()
        for trial in study.trials:
            values = tuple(trial.values.items())
            if values in self._told:
                continue
            new = frozen(self._definition, trial)
            if _entry(new) not in self._held:
                self._study.add_trial(new)
            self._told.add(values)

    def _made(self) -> OptunaStudy:
        return optuna.create_study(
            study_name=self._name,
            storage=self._storage,
            directions=directions(self._definition.goal),
            load_if_exists=True,
        )

    @contextlib.contextmanager
    def _usable(self) -> Iterator[None]:
        """Turns what a storage raises into a UsageError that shows no password."""
        try:
            yield
        except Exception as error:  # noqa: BLE001, RUF100 - each driver has errors of its own
            shown = _shown(self._url)
            raise UsageError(f"--storage '{shown}' cannot be used: {_reason(error)}.") from error


def default_storage(store: Path) -> str:
    """Returns the URL of the database of all studies beside a store: a file of SQLite."""
    folder = tuning_folder(store)
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{(folder / DATABASE).absolute()}"


def _entry(trial: FrozenTrial) -> Entry:
    scales = [(key, each.log) for key, each in sorted(trial.distributions.items())]  # type: ignore[attr-defined]
    return (*sorted(trial.params.items()), *scales, trial.state, *(trial.values or ()))


def _reason(error: Exception) -> str:
    """Returns why a storage failed, in one line: the driver that is missing, or what it says."""
    if isinstance(error.__cause__, ImportError):
        return f"its driver is not installed: {error.__cause__}"
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")


def _shown(url: str) -> str:
    """Returns a URL for people, without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url
