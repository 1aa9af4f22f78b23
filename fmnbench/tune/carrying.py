"""One study carried out beside a store: its records, its database, its files."""

import dataclasses
from collections.abc import Callable

from filelock import FileLock, Timeout

from fmnbench.errors import UsageError
from fmnbench.runs.executors.base import Event, RunOptions
from fmnbench.tune.definition import Definition
from fmnbench.tune.outputs import write
from fmnbench.tune.places import RECORDS, study_folder, track_folder
from fmnbench.tune.search import Study, search
from fmnbench.tune.summary import Summary

OWNED = ".tuner"  # locked by the process that writes a study's database


def carry_out_study(
    asked: Definition,
    options: RunOptions,
    *,
    listen: Callable[[Event], None],
    told: Callable[[Study], None],
    storage: str | None = None,
    until: float | None = None,
) -> Summary:
    """Carries out what is left of a study, `options` being of the store beside it.

    Of several processes on one study the first writes its Optuna database, at the URL `storage`
    or in the folder of all studies. Nothing is started that would end after `until`, a time of
    time.monotonic. Returns the study as plain values, once its files are written.

    Raises:
        UsageError: before anything is run; the folder or the storage cannot be used.
    """
    from fmnbench.tune.mirror import Mirror, default_storage  # Optuna, only where it is used

    track = asked.task.track.name
    folder = study_folder(options.store, track, asked.method)
    own = dataclasses.replace(options, store=track_folder(options.store, track) / RECORDS)
    lock = FileLock(folder / OWNED)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = lock.acquire(timeout=0)
    except Timeout:
        return write(search(asked, own, listen, told, until), options.store)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}.") from None
    url = default_storage(options.store) if storage is None else storage
    with held, Mirror(url, asked) as mirror:

        def both(study: Study) -> None:
            told(study)
            mirror.told(study)

        study = search(asked, own, listen, both, until)
        if mirror.problem is not None:
            study = dataclasses.replace(study, problems=(*study.problems, mirror.problem))
        return write(study, options.store)
