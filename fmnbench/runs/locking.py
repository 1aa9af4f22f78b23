"""The lock of a run: one process at a time is at a run, or stores its ending."""

import contextlib
import math
import time
from collections.abc import Iterator

from filelock import FileLock, Timeout

from fmnbench.errors import WriteError
from fmnbench.records.store import Store

LOCK = "lock"  # in the folder of a run


class RunLock:
    """The lock of a run, which the process that is at it or stores its ending holds."""

    def __init__(self, store: Store, key: str) -> None:
        self.path = store.work(key) / LOCK
        self._lock: FileLock | None = None
        self._inode = 0

    def acquire(self, *, patience: float = 0.0) -> None:
        """Takes the lock; raises filelock.Timeout where another process has it for so long.

        Raises WriteError where its folder cannot be made.
        """
        end = time.monotonic() + patience
        while True:
            lock = FileLock(self.path)
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                lock.acquire(timeout=max(0.0, end - time.monotonic()))
                self._inode = self.path.stat().st_ino
            except FileNotFoundError:  # whoever had it has just removed the folder
                lock.release()
                continue
            except OSError as error:
                if isinstance(error, Timeout):
                    raise
                raise WriteError(error.errno, error.strerror, str(self.path)) from error
            self._lock = lock
            return

    def renew(self) -> None:
        """Takes the lock anew where its file was deleted; waits for a process that has the new."""
        if self._lock is None or not self.path.exists() or self.path.stat().st_ino != self._inode:
            self.release()
            self.acquire(patience=math.inf)

    def release(self) -> None:
        """Gives the lock back."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None


@contextlib.contextmanager
def locked(store: Store, key: str, *, patience: float = 0.0) -> Iterator[RunLock]:
    """Holds the lock of a run; raises filelock.Timeout where another process has it."""
    lock = RunLock(store, key)
    lock.acquire(patience=patience)
    try:
        yield lock
    finally:
        lock.release()
