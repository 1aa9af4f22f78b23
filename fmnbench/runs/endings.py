"""How a run's ending comes into a store: under the run's lock, and nothing finished is lost."""

import dataclasses
import shutil
from pathlib import Path

from filelock import Timeout

from fmnbench.errors import NewerRecord, RecordError
from fmnbench.files import TEMPORARY, move, write_atomically
from fmnbench.records import schema
from fmnbench.records.store import KEY, WORK, Store
from fmnbench.runs.locking import LOCK, locked
from fmnbench.spec import Attempt, Result

WEIGHTS = "weights.safetensors"  # of a trained VAE, in the folder of its run
ROWS = "rows.safetensors"  # the likelihoods of its test rows, there too
OTHER = ".other"  # after the name of a record: a finished result with other numbers


def settle(store: Store, result: Result, *, before: Result | None) -> Result:
    """Stores the ending of a run whose lock is held; returns the record that the run then has.

    `before` is the record that the run was to replace. A record that has come since stays, unless
    the result alone is done; a replaced one is named in the history. A done record gives way to
    nothing but a done result that was to replace it. A done result with other numbers than those
    of a done record is kept beside it, at `<key>.json.other`.
    """
    held = _held(store, result)
    is_free = held is None or held == before
    was_done = held is not None and held.status == "done"
    if result.status == "done":
        if is_free or not was_done:
            _keep_weights(store, result.spec.key)  # first: a record says that they are there
            result = with_rows(store, result)
            held = _written(store, result, held)
        elif held is not None and held.numbers != result.numbers:
            path = store.path(result.spec.track.name, result.spec.key)
            other = dataclasses.replace(result, rows=None)
            write_atomically(path.with_name(path.name + OTHER), schema.dump(other))
        shutil.rmtree(store.work(result.spec.key), ignore_errors=True)
    elif is_free and not was_done:
        held = _written(store, result, held)
    assert held is not None
    return held


def tidy(store: Store) -> None:
    """Removes what killed processes have left: temporary files and folders of runs that are done.

    The weights of a done run are kept. A checkpoint stays, and so does all of a run whose lock
    another process holds.
    """
    done = {path.stem: path for path in store.paths()} if (store.folder / WORK).is_dir() else {}
    for folder in _folders(store.folder / WORK):
        if KEY.fullmatch(folder.name):
            _tidy_run(store, folder.name, done.get(folder.name))
    for folder in _folders(store.folder):
        for path in folder.glob(f".*{TEMPORARY}"):
            key = path.name[1:].partition(".")[0]
            if KEY.fullmatch(key):
                _tidy_run(store, key, None, path)


def _tidy_run(store: Store, key: str, record: Path | None, *temporary: Path) -> None:
    """Tidies the folder of one run, and removes its other temporary files."""
    work = store.work(key)
    try:
        with locked(store, key):
            for path in (*temporary, *work.glob(f".*{TEMPORARY}")):
                path.unlink(missing_ok=True)
            if record is not None and _is_done(store, record):
                if not store.weights(key).exists():
                    _keep_weights(store, key)
                shutil.rmtree(work, ignore_errors=True)
            elif [path.name for path in work.iterdir()] == [LOCK]:
                shutil.rmtree(work, ignore_errors=True)
    except Timeout:
        return  # a process is at this run


def _is_done(store: Store, path: Path) -> bool:
    try:
        return store.load(path).status == "done"
    except RecordError:
        return False


def _folders(parent: Path) -> list[Path]:
    return [path for path in parent.iterdir() if path.is_dir()] if parent.is_dir() else []


def _held(store: Store, result: Result) -> Result | None:
    """Returns the record that a run has; a corrupt one is set aside."""
    track, key = result.spec.track.name, result.spec.key
    try:
        return store.get(track, key)
    except NewerRecord:
        raise
    except RecordError:
        store.set_aside(store.path(track, key))
        return None


def with_rows(store: Store, result: Result) -> Result:
    """Moves the likelihoods of a run's test rows beside its record to be, before that is written.

    Returns the result; without them where they are not in the folder of the run, and then there
    are none beside the record either.
    """
    made = store.work(result.spec.key) / ROWS
    target = store.rows(result.spec.track.name, result.spec.key)
    if result.rows is None or not made.exists():  # deleted with the store under the run
        target.unlink(missing_ok=True)
        return dataclasses.replace(result, rows=None)
    move(made, target)
    return result


def _keep_weights(store: Store, key: str) -> None:
    trained = store.work(key) / WEIGHTS
    if trained.exists():  # unless the store was deleted under the run
        move(trained, store.weights(key))


def _written(store: Store, result: Result, held: Result | None) -> Result:
    """Writes a result, with the ending that it replaces in its history; returns the record."""
    if held is not None:
        history = (*held.history, Attempt(status=held.status, error=held.error))
        result = dataclasses.replace(result, history=history)
    store.save(result, replace=True)
    return result
