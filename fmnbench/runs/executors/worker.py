"""One run in a process of its own: lock, run, record; told to the parent through a pipe."""

import dataclasses
import itertools
import math
import os
import shutil
import signal
import threading
from multiprocessing.connection import Connection
from pathlib import Path

from filelock import FileLock, Timeout

from fmnbench.errors import FmnbenchError
from fmnbench.records.definitions import lacking
from fmnbench.records.store import Store
from fmnbench.registry import declare_plugin
from fmnbench.runs.causes import one_line
from fmnbench.runs.executors.base import Event, EventKind, RunOptions
from fmnbench.runs.executors.stopping import stop_if_asked
from fmnbench.runs.remeasure import remeasure
from fmnbench.runs.run import WEIGHTS, Conditions, execute
from fmnbench.spec import Attempt, Result, RunSpec

BUSY = "busy"  # sent where another process holds the lock of the run


def work(spec: RunSpec, options: RunOptions, threads: int, pipe: Connection) -> None:
    """Carries out a run, unless another process is at it, and stores its record.

    The record is in the store before the news of it is sent. The parent's death ends this
    process at once.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_end_with_parent, args=(pipe,), daemon=True).start()
    for path in options.plugins:
        declare_plugin(path)  # imported by the runs that use it
    store = Store(options.store)
    lock = FileLock(lock_path(store, spec))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        _tell(pipe, BUSY)
        return
    try:
        _work_alone(spec, options, threads, pipe)
    finally:
        lock.release()


def _work_alone(spec: RunSpec, options: RunOptions, threads: int, pipe: Connection) -> None:
    """Carries out a run whose lock is held, unless its record has come meanwhile."""
    store = Store(options.store)
    before = store.get(spec.track.name, spec.key)
    conditions = Conditions(device=options.device, threads=threads)
    if before is not None and before.status not in options.retry:
        _tell(pipe, _completed(before, spec, conditions, store))
        return
    _tell(pipe, Event(spec=spec, kind="started"))

    def report(epoch: int, entry: dict[str, float]) -> None:
        terms = [entry.get(f"validation.{name}") for name in ("reconstruction", "kl")]
        bound = None if None in terms else math.fsum(filter(None, terms))
        loss = entry["loss"]
        _tell(pipe, Event(spec=spec, kind="epoch", epoch=epoch, loss=loss, bound=bound))
        stop_if_asked(store, spec.key)

    result = execute(spec, conditions, work=store.work(spec.key), report=report)
    save(store, result, before)
    _tell(pipe, _news(result, "finished"))


def _completed(before: Result, spec: RunSpec, conditions: Conditions, store: Store) -> Event:
    """Computes what a stored record lacks, where its weights are kept; returns the news of it."""
    weights = store.weights(spec.key)
    names = lacking(spec, before)
    first = next(names, None)
    if first is None or not weights.is_file():
        return _news(before, "elsewhere")
    try:
        result = remeasure(before, itertools.chain([first], names), weights, conditions)
        store.save(result, replace=True)
    except Exception as error:  # noqa: BLE001, RUF100 - the record stays, whatever a metric raises
        cause = str(error) if isinstance(error, FmnbenchError) else one_line(error)
        return Event(spec=spec, kind="finished", status=before.status, error=cause)
    shutil.rmtree(store.work(spec.key), ignore_errors=True)
    return _news(before, "finished")


def save(store: Store, result: Result, before: Result | None) -> None:
    """Stores a result, with the ending that it replaces in its history.

    A done run's weights are kept; its folder goes, with the lock: who waits for that finds the
    record.
    """
    if before is not None:
        history = (*before.history, Attempt(status=before.status, error=before.error))
        result = dataclasses.replace(result, history=history)
    store.save(result, replace=before is not None)
    if result.status == "done":
        weights = store.weights(result.spec.key)
        weights.parent.mkdir(exist_ok=True)
        (store.work(result.spec.key) / WEIGHTS).replace(weights)
        shutil.rmtree(store.work(result.spec.key), ignore_errors=True)


def lock_path(store: Store, spec: RunSpec) -> Path:
    """Returns the file that is locked while a process is at a run."""
    folder = store.work(spec.key)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "lock"


def _news(result: Result, kind: EventKind) -> Event:
    return Event(spec=result.spec, kind=kind, status=result.status, error=result.error)


def _tell(pipe: Connection, message: Event | str) -> None:
    """Sends news to the parent; without one there is nothing left to do."""
    try:
        pipe.send(message)
    except OSError:
        os._exit(1)


def _end_with_parent(pipe: Connection) -> None:
    """Waits for the parent to go, which closes the pipe; nobody would read what came after."""
    try:
        pipe.recv()
    except (EOFError, OSError):
        os._exit(1)
