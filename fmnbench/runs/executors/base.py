"""What an executor is: it takes runs, reports on them, and leaves their records in a store."""

import dataclasses
import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, Protocol, cast, runtime_checkable

from fmnbench.errors import unknown
from fmnbench.planning.costs import Cost
from fmnbench.spec import RunSpec, Status

EventKind = Literal["started", "epoch", "finished", "elsewhere"]
# by name, "module:class"; imported when chosen, since each needs torch or a cluster's library
EXECUTORS: dict[str, str] = {"local": "fmnbench.runs.executors.local:LocalExecutor"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Event:
    """One piece of news of one run.

    "epoch" comes with the epoch, its loss and, where it was validated, the `bound` on validation
    rows (reconstruction + KL, in nats); "finished" with the record's status and error;
    "elsewhere": another process has done the run, `status` is that of its record.
    """

    spec: RunSpec
    kind: EventKind
    epoch: int = 0
    loss: float = 0.0
    bound: float | None = None
    status: Status | None = None
    error: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How runs are carried out; none of it is part of a run's key.

    `jobs` is the number of runs at a time, 0 for as many as suit the device; `device` may be
    "auto". `timeout` is in seconds per run, training and evaluation together. With `retry` a
    stored record with one of these statuses is replaced. `executor` is a name in EXECUTORS. Paths
    become absolute here, before a component can change the working directory.
    """

    store: Path
    jobs: int = 1
    device: str = "cpu"
    timeout: float | None = None
    fail_fast: bool = False
    retry: Sequence[Status] = ()
    plugins: Sequence[Path] = ()
    executor: str = "local"

    def __post_init__(self) -> None:
        object.__setattr__(self, "store", self.store.absolute())
        object.__setattr__(self, "plugins", tuple(path.absolute() for path in self.plugins))


@runtime_checkable
class Executor(Protocol):
    """Carries out runs; returns when each has a record or the user has stopped it."""

    def settled(self, options: RunOptions) -> RunOptions:
        """Returns the options with a device that exists and a number of jobs.

        Raises UsageError for a device that cannot be used.
        """
        ...

    def trial(self, spec: RunSpec, options: RunOptions, seconds: float) -> Cost:
        """Returns the rough cost of a run, from trials of so many seconds of each of its parts.

        Raises Declined or Diverged for a run that would end so at once.
        """
        ...

    def __call__(
        self, specs: Sequence[RunSpec], options: RunOptions, listen: Callable[[Event], None]
    ) -> None:
        """Runs all specs; calls `listen` with each event, in the caller's thread."""
        ...


def load_executor(name: str) -> Executor:
    """Returns an executor by its name, importing its module."""
    if name not in EXECUTORS:
        raise unknown("executor", name, EXECUTORS)
    module, _, attribute = EXECUTORS[name].partition(":")
    return cast(Executor, getattr(importlib.import_module(module), attribute)())
