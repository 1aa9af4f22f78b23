"""A run under way in a worker process, the clock of its executor, and its end."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from fmnbench.runs.executors import session
from fmnbench.spec import Result, RunSpec

GRACE = 5.0  # seconds that a worker may take to go after its news, or that a killed one takes
ABSENCE = 2.0  # seconds; whoever looks less often was stopped, which is no run's fault


@dataclasses.dataclass(kw_only=True)
class Running:
    """A run under way. Times are of the executor's own clock.

    `before` is the record that it is to replace, `ended` the time since when its worker has had
    nothing left to do; `kernel_kills` are those before its start.
    """

    spec: RunSpec
    process: BaseProcess
    pipe: Connection
    since: float  # of the run itself: starting a worker's Python is not the run's fault
    before: Result | None
    kernel_kills: int | None
    busy: bool = False
    finished: bool = False
    ended: float | None = None
    open: bool = True  # the pipe
    watched: bool = True  # the process, through the server that has forked it

    @property
    def pid(self) -> int:
        """The number of the worker's process."""
        assert self.process.pid is not None
        return self.process.pid


class Clock:
    """Seconds while this process was running: it may have been stopped, or held up by a terminal.

    It must be read more often than each ABSENCE.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._last = now()
        self._seconds = 0.0

    def __call__(self) -> float:
        """The seconds since the clock was made, without absences."""
        now = self._now()
        self._seconds += min(now - self._last, ABSENCE)
        self._last = now
        return self._seconds


def end(all_running: Sequence[Running], read: Callable[[Running], None] | None = None) -> None:
    """Ends workers and all that they have started; `read` hears what they have said before."""
    # first: as long as workers live, the children of their children can be told
    session.end(*[running.pid for running in all_running])
    for running in all_running:
        running.process.kill()
    for running in all_running:
        running.process.join(GRACE)
        if read is not None:
            read(running)
        running.pipe.close()
