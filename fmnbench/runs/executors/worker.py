"""One run in a process of its own: lock, run, record; told to the parent through a pipe."""

import dataclasses
import itertools
import math
import os
import shutil
import signal
import threading
from multiprocessing.connection import Connection

from filelock import Timeout

from fmnbench.errors import FmnbenchError, MachineError, text_of
from fmnbench.records.definitions import lacking
from fmnbench.records.store import Store
from fmnbench.registry import declare_plugin
from fmnbench.runs.causes import is_of_the_machine, one_line
from fmnbench.runs.endings import settle, with_rows
from fmnbench.runs.executors import session
from fmnbench.runs.executors.base import Event, EventKind, RunOptions
from fmnbench.runs.executors.stopping import stop_if_asked
from fmnbench.runs.locking import RunLock, locked
from fmnbench.runs.remeasure import remeasure
from fmnbench.runs.run import Conditions, execute
from fmnbench.spec import Result, RunSpec


@dataclasses.dataclass(frozen=True)
class Busy:
    """Sent where another process holds the lock of the run."""


@dataclasses.dataclass(frozen=True)
class Halt:
    """Sent where no run can go on: the machine or the data are at fault."""

    reason: str


def work(spec: RunSpec, options: RunOptions, threads: int, pipe: Connection) -> None:
    """Carries out a run, unless another process is at it, and stores its record.

    The record is in the store before the news of it is sent. The parent's death ends this
    process, and all that it has started, at once.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    session.lead()
    threading.Thread(target=_end_with_parent, args=(pipe,), daemon=True).start()
    try:
        for path in options.plugins:
            declare_plugin(path)  # imported by the runs that use it
        with locked(Store(options.store), spec.key) as lock:
            _work_alone(spec, options, threads, pipe, lock)
    except Timeout:
        _tell(pipe, Busy())
    except FmnbenchError as error:
        _tell(pipe, Halt(str(error)))
    finally:
        session.end(os.getpid())  # while the children of its children can still be told


def _work_alone(
    spec: RunSpec, options: RunOptions, threads: int, pipe: Connection, lock: RunLock
) -> None:
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
    lock.renew()
    _tell(pipe, _news(settle(store, result, before=before), "finished"))


def _completed(before: Result, spec: RunSpec, conditions: Conditions, store: Store) -> Event:
    """Computes what a stored record lacks, where its weights are kept; returns the news of it."""
    weights = store.weights(spec.key)
    names = lacking(spec, before)
    first = next(names, None)
    if first is None or not weights.is_file():
        return _news(before, "elsewhere")
    try:
        due = itertools.chain([first], names)
        result = remeasure(before, due, weights, conditions, work=store.work(spec.key))
        if result.rows != before.rows:
            result = with_rows(store, result)
        store.save(result, replace=True)
    except Exception as error:  # noqa: BLE001, RUF100 - the record stays, whatever a metric raises
        if is_of_the_machine(error):
            raise MachineError(text_of(error)) from error
        cause = str(error) if isinstance(error, FmnbenchError) else one_line(error)
        return Event(spec=spec, kind="finished", status=before.status, error=cause)
    shutil.rmtree(store.work(spec.key), ignore_errors=True)
    return _news(before, "finished")


def _news(result: Result, kind: EventKind) -> Event:
    return Event(spec=result.spec, kind=kind, status=result.status, error=result.error)


def _tell(pipe: Connection, message: Event | Busy | Halt) -> None:
    """Sends news to the parent; without one there is nothing left to do."""
    try:
        pipe.send(message)
    except OSError:
        _leave()


def _end_with_parent(pipe: Connection) -> None:
    """Waits for the parent to go, which closes the pipe; nobody would read what came after."""
    try:
        pipe.recv()
    except (EOFError, OSError):
        _leave()


def _leave() -> None:
    """Ends this process and all that it has started."""
    session.end(os.getpid())
    os._exit(1)
