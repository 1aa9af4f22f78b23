"""The local executor: each run in a process of its own, some at a time, on this machine."""

import collections
import dataclasses
import math
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess

import torch
from filelock import Timeout

from fmnbench.data.dataset import class_of
from fmnbench.errors import MachineError, RecordError, UsageError
from fmnbench.planning.costs import Cost
from fmnbench.records.store import Store
from fmnbench.registry import datasets
from fmnbench.runs.endings import settle
from fmnbench.runs.estimate import estimate
from fmnbench.runs.executors import session
from fmnbench.runs.executors.base import Event, RunOptions
from fmnbench.runs.executors.memory import kernel_kills
from fmnbench.runs.executors.running import GRACE, Clock, Running, end
from fmnbench.runs.executors.worker import Busy, Halt, work
from fmnbench.runs.locking import locked
from fmnbench.runs.provenance import provenance, used_plugins
from fmnbench.spec import Result, RunSpec, Status

MOST_JOBS = 4  # runs at a time on a CPU, unless told
POLL = 0.5  # seconds between looks at timeouts and at locks of other processes
# Of a worker, where the user has not set it: each step allocates arrays of other sizes.
MEMORY = {
    # glibc keeps freed arrays of up to 4 MiB for the next step, which returning them would make
    # twice as long; larger ones kept would leave holes, gigabytes after an epoch of texts
    "MALLOC_MMAP_THRESHOLD_": str(4 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
    # huge pages make new memory cheap: without them a step of texts takes a tenth longer
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    # oneDNN keeps code by the shape of a product, of 1,024 unless told; texts always have new ones
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "160",
}
# What a run imports under way, torch's optimisers the first for 2 s of a core: the server has it.
LATE_IMPORTS = ("torch._dynamo", "fmnbench.metrics")
STARTS = 3  # tries at a worker, whose server may be killed meanwhile


class LocalExecutor:
    """Runs specs in worker processes, `jobs` at a time, each with its share of the cores.

    Workers are forked from a server that has torch imported, so a start costs milliseconds.
    """

    def __init__(self) -> None:
        self._running: list[Running] = []

    def __call__(
        self, specs: Sequence[RunSpec], options: RunOptions, listen: Callable[[Event], None]
    ) -> None:
        """Runs all specs; a KeyboardInterrupt ends the workers and goes on to the caller."""
        self._options, self._listen = options, listen
        self._store = Store(options.store)
        self._queue = collections.deque(specs)
        self._busy_until: dict[str, float] = {}
        self._failed = False
        self._clock = Clock()
        try:
            while (self._queue and not self._stopping) or self._running:
                self._fill()
                self._hear()
                self._end_late_ones()
        finally:
            end(self._running)
            self._running.clear()

    def settled(self, options: RunOptions) -> RunOptions:
        """Returns the options with a device that exists, and with a number of jobs.

        "auto" is the first GPU, else the CPU. One run at a time on a GPU, at most MOST_JOBS on a
        CPU, each with its share of the cores.
        """
        name = options.device
        if name == "auto":
            name = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            torch.empty(0, device=name)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).split("\n")[0]
            raise UsageError(
                f"--device is '{name}', which cannot be used here: {reason}"
            ) from None
        jobs = options.jobs or (1 if name != "cpu" else min(MOST_JOBS, cores()))
        return dataclasses.replace(options, device=name, jobs=jobs)

    def trial(self, spec: RunSpec, options: RunOptions, seconds: float) -> Cost:
        """Returns the rough cost of a run, from trials in this process."""
        return estimate(spec, device=options.device, threads=threads(options.jobs), enough=seconds)

    @property
    def _stopping(self) -> bool:
        return self._failed and self._options.fail_fast

    def _fill(self) -> None:
        """Starts runs in free places; one that another process is at waits its turn again."""
        for _ in range(len(self._queue)):
            if len(self._running) == self._options.jobs or self._stopping:
                return
            spec = self._queue.popleft()
            if self._busy_until.get(spec.key, 0.0) > time.monotonic():
                self._queue.append(spec)
            else:
                self._running.append(self._start(spec))

    def _start(self, spec: RunSpec) -> Running:
        process, pipe = self._worker(spec)
        return Running(
            spec=spec,
            process=process,
            pipe=pipe,
            since=self._clock(),
            before=self._stored(spec),
            kernel_kills=kernel_kills(),
        )

    def _stored(self, spec: RunSpec) -> Result | None:
        try:
            return self._store.get(spec.track.name, spec.key)
        except RecordError:
            return None  # its worker sets it aside, or says what is wrong

    def _worker(self, spec: RunSpec) -> tuple[BaseProcess, Connection]:
        """Returns a new worker and our end of its pipe."""
        for _ in range(STARTS):
            context = _context(_imports(spec))
            ours, theirs = context.Pipe()
            arguments = (spec, self._options, threads(self._options.jobs), theirs)
            process = context.Process(target=work, args=arguments, daemon=True)
            try:
                process.start()
            except (EOFError, OSError) as error:  # the server was killed
                reason = error
                ours.close()
            else:
                return process, ours
            finally:
                theirs.close()
        raise MachineError(f"No worker process can be started: {reason!r}.") from reason

    def _hear(self) -> None:
        """Passes on what workers say, for half a second or until one of them ends."""
        pipes = [each.pipe for each in self._running if each.open]
        ends = [each.process.sentinel for each in self._running if each.watched]
        ready = wait([*pipes, *ends], POLL)
        for running in list(self._running):
            is_over = running.process.sentinel in ready or not running.watched
            if is_over and session.is_alive(running.pid):
                running.watched = False  # the server is gone that tells of its end
                is_over = False
            self._read(running)
            if is_over:
                self._close(running)

    def _read(self, running: Running) -> None:
        """Passes on all that a worker has said so far."""
        try:
            while running.open and running.pipe.poll():
                self._take(running, running.pipe.recv())
        except (EOFError, OSError):
            running.open = False
            running.ended = running.ended or self._clock()

    def _take(self, running: Running, message: Event | Busy | Halt) -> None:
        if isinstance(message, Halt):
            raise MachineError(message.reason)
        if isinstance(message, Busy):
            running.busy = True
            return
        if message.kind == "started":
            running.since = self._clock()
        if message.kind in ("finished", "elsewhere"):
            running.finished = True
            running.ended = self._clock()
        self._tell(message)

    def _tell(self, event: Event) -> None:
        if event.kind == "finished" and event.status not in ("done", "skipped"):
            self._failed = True
        self._listen(event)

    def _close(self, running: Running) -> None:
        """Takes a worker that has ended off the list; one that died at its run is recorded."""
        end([running])
        self._running.remove(running)
        if running.busy:
            self._put_back(running.spec)
        elif not running.finished:
            self._record(running, *self._cause(running))

    def _put_back(self, spec: RunSpec) -> None:
        self._queue.append(spec)
        self._busy_until[spec.key] = time.monotonic() + POLL

    def _cause(self, running: Running) -> tuple[Status, str]:
        """Returns how a worker was lost."""
        code = running.process.exitcode or 0
        kills = kernel_kills()
        if code == -signal.SIGKILL and kills is not None and kills != running.kernel_kills:
            return "out_of_memory", "the kernel killed the worker process for its memory"
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return "failed", f"the worker process was lost: {how}"

    def _end_late_ones(self) -> None:
        """Ends workers past the timeout, and those that do not go although they are done."""
        limit = self._options.timeout or math.inf
        now = self._clock()
        for running in list(self._running):
            if running.ended is not None:
                if now - running.ended > GRACE:
                    self._close(running)
            elif now - running.since > limit:
                end([running], read=self._read)
                self._running.remove(running)
                if not running.finished:
                    self._record(running, "timeout", f"not done after {limit:g} s")

    def _record(self, running: Running, status: Status, error: str) -> None:
        """Stores the ending of a run whose worker could not do it, unless it has done so.

        Where another process has taken the run over, it is left to that. A record that was
        only to be measured again stays.
        """
        spec, options = running.spec, self._options
        origin = provenance(
            device=options.device,
            device_name=None,
            threads=threads(options.jobs),
            dataset=spec.dataset_fingerprint,
            plugins=used_plugins(spec),
        )
        seconds = self._clock() - running.since
        result = Result(
            spec=spec,
            status=status,
            error=error,
            provenance=dataclasses.replace(origin, seconds=seconds),
        )
        try:
            with locked(self._store, spec.key):
                kept = settle(self._store, result, before=running.before)
        except Timeout:
            self._put_back(spec)
        else:
            why = error if kept == running.before else kept.error
            self._tell(Event(spec=spec, kind="finished", status=kept.status, error=why))


def _imports(spec: RunSpec) -> list[str]:
    """Returns the modules that workers share with the server that they are forked from."""
    dataset = datasets.get(spec.track.dataset)
    ours = "fmnbench.runs.executors"
    return [f"{ours}.worker", *LATE_IMPORTS, *class_of(dataset).imports, f"{ours}.server"]


def _context(preloaded: list[str]) -> SpawnContext | ForkServerContext:
    """Returns the way to start workers; on POSIX a server with torch imported, ready to fork."""
    if os.name != "posix":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(preloaded)
    ours = {name: value for name, value in MEMORY.items() if name not in os.environ}
    os.environ.update(ours)
    resource_tracker.ensure_running()  # first: its start would unblock what follows
    # the server and its workers inherit a blocked Ctrl-C: it is this process's to handle
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        for name in ours:
            del os.environ[name]
    return context


def cores() -> int:
    """Returns the number of cores that this process may use."""
    return (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )


def threads(jobs: int) -> int:
    """Returns a run's share of the cores, so many at a time."""
    return max(1, cores() // jobs)
