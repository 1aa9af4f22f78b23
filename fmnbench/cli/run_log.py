"""What `fmnbench run` writes where its errors go to no terminal: a line at times."""

import time
from collections.abc import Callable

from rich.console import Console

from fmnbench.printable import clean

EVERY = 60.0  # seconds between lines on epochs; a shorter `run` writes none


class RunLog:
    """Dated lines on the progress of runs: none in the first minute, then at most one a minute.

    After the first minute, a line that is `due`, such as the end of a run, is always written.
    """

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        self._console = console
        self._clock = clock
        self._started = self._last = clock()

    def say(self, text: str, *, due: bool = False) -> None:
        """Writes a line if it is time for one."""
        now = self._clock()
        if now - (self._started if due else self._last) < EVERY:
            return
        self._last = now
        date = time.strftime("%Y-%m-%d %H:%M:%S")
        line = clean(f"{date} {text}")
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
