"""What an executor is: it takes runs, says how they go on, and leaves their records in a store."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from fmnbench.spec import RunSpec, Status

EventKind = Literal["started", "epoch", "finished", "elsewhere"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Event:
    """One piece of news of one run.

    "epoch" comes with the epoch and its loss, "finished" with the record's status and error;
    "elsewhere": another process has done the run, `status` is what it left.
    """

    spec: RunSpec
    kind: EventKind
    epoch: int = 0
    loss: float = 0.0
    status: Status | None = None
    error: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """How runs are carried out; none of it is part of a run's key.

    `timeout` is in seconds per run, training and evaluation together. With `retry` a stored
    record with one of these statuses is replaced.
    """

    store: Path
    jobs: int = 1
    device: str = "cpu"
    timeout: float | None = None
    fail_fast: bool = False
    retry: Sequence[Status] = ()
    plugins: Sequence[Path] = ()


@runtime_checkable
class Executor(Protocol):
    """Carries out runs; returns when each has a record or the user has stopped it."""

    def __call__(
        self, specs: Sequence[RunSpec], options: Options, listen: Callable[[Event], None]
    ) -> None:
        """Runs all specs; calls `listen` with each event, in the caller's thread."""
        ...
