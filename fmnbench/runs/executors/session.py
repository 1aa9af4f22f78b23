"""Sessions of processes: a worker leads one, and whatever it has started ends with it."""

import contextlib
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")  # of Linux; elsewhere a session is taken for its leader's process group
MARK = "FMNBENCH_WORKER"  # in the environment of what a worker starts in a session of its own
ROUNDS = 50  # of looking for what was started while the others were killed
PAUSE = 0.01  # seconds between them


class Process(NamedTuple):
    """A process that has not ended: its number, its parent's and its session's."""

    pid: int
    parent: int
    session: int


def lead() -> None:
    """Makes this process the leader of a session of its own, on POSIX."""
    if hasattr(os, "setsid"):
        os.setsid()
    os.environ[MARK] = str(os.getpid())


def end(*leaders: int) -> None:
    """Kills all processes of leaders' sessions and those that they started, but this one."""
    if not PROC.is_dir():
        for leader in leaders:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(leader, signal.SIGKILL)
        return
    known: set[int] = set()
    for _ in range(ROUNDS):
        found = _members(leaders)
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if found <= known:  # nothing has been started since they were told to end
            return
        known |= found
        time.sleep(PAUSE)


def is_alive(pid: int) -> bool:
    """Whether a process runs, as far as the system tells."""
    return _process(pid) is not None


def _members(leaders: Sequence[int]) -> set[int]:
    """Returns the processes that end with their leaders, these among them, but not this one."""
    everything = _processes()
    members = set(leaders)
    while True:
        more = {
            each.pid
            for each in everything
            if each.pid not in members and (each.session in leaders or each.parent in members)
        }
        if not more:
            break
        members |= more
    alive = {each.pid for each in everything}
    members |= {pid for pid in alive - members if _is_marked(pid, leaders)}
    return (members & alive) - {os.getpid()}


def _is_marked(pid: int, leaders: Sequence[int]) -> bool:
    try:
        environment = (PROC / str(pid) / "environ").read_bytes()
    except OSError:  # it has ended, or is another user's
        return False
    found = environment.partition(f"{MARK}=".encode())[2].partition(b"\0")[0]
    return found.isdigit() and int(found) in leaders


def _processes() -> list[Process]:
    names = os.listdir(PROC)  # noqa: PTH208 - names are all it takes
    found = (_process(int(name)) for name in names if name.isdecimal())
    return [each for each in found if each is not None]


def _process(pid: int) -> Process | None:
    """Returns what /proc has of a process; None of one that has ended."""
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # the second field is the command in brackets, whatever it contains
    state, parent, _, session = text.rpartition(")")[2].split()[:4]
    return None if state in ("Z", "X") else Process(pid, int(parent), int(session))
