"""A critic whose run meets a fault that its settings choose: a plug-in for tests.

A test copies this file into a folder of its own. The store of its runs is "store" there, and each
fault that has happened leaves a file in "happened": it happens once.
"""

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

from fmnbench.critics.base import Critic
from fmnbench.registry import critics

HERE = Path(__file__).parent
LONG = 600  # seconds
POINTS = ("fsync", "replace")  # functions of `os` that all writing goes through


def happened(name):
    """Returns the file that tells of a fault."""
    path = HERE / "happened" / name
    path.parent.mkdir(exist_ok=True)
    return path


def at_point(number, act):
    """Calls `act` with its name before the so-and-so-manyth fsync or rename of this process."""
    count = 0

    def hooked(original):
        def call(*arguments, **named):
            nonlocal count
            count += 1
            act(count >= number)
            return original(*arguments, **named)

        return call

    for name in POINTS:
        setattr(os, name, hooked(getattr(os, name)))


def fork(then=lambda: time.sleep(LONG)):
    pid = os.fork()
    if pid == 0:
        then()
        os._exit(0)
    happened(f"child.{pid}").touch()


@critics.register("faulty")
class Faulty(Critic):
    """Meets a fault."""

    def __init__(self, vae, *, deed: str = "", point: int = 0):
        super().__init__(vae)
        self.deeds = deed.split()
        self.point = point

    def forward(self, x, z, q):
        for deed in self.deeds:
            getattr(self, deed)()
        self.deeds = []
        return z.sum() * 0.0

    def tell(self):
        happened(f"worker.{os.getpid()}").touch()

    def wait(self):
        while not (HERE / "go").exists():
            time.sleep(0.01)

    def place(self):
        """Does what another process would: puts a record into the store."""
        shutil.copytree(HERE / "placed", HERE / "store", dirs_exist_ok=True)

    def delete(self):
        shutil.rmtree(HERE / "store")

    def error(self):
        raise RuntimeError("no such luck")

    def die(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def hang(self):
        happened("hang").touch()
        time.sleep(LONG)

    def fork(self):
        fork()

    def fork_apart(self):
        """Forks a child that starts a process in a session of its own."""
        fork(lambda: os.setsid() or time.sleep(LONG))

    def spawn(self):
        process = subprocess.Popen(["sleep", str(LONG)], close_fds=False, start_new_session=True)
        happened(f"child.{process.pid}").touch()

    def thread(self):
        threading.Thread(target=time.sleep, args=(LONG,)).start()

    def leave(self):
        os.chdir("/")

    def interrupt(self):
        raise KeyboardInterrupt("from a component")

    def exit_generator(self):
        raise GeneratorExit("from a component")

    def shout(self):
        raise ValueError("a" * 50_000_000)

    def blame_memory(self):
        raise RuntimeError("my index is out of memory slots")

    def allocate(self):
        import torch

        torch.empty(1 << 60, dtype=torch.uint8)

    def kill_at_point(self):
        def act(is_here):
            with contextlib.suppress(FileExistsError):
                if is_here:
                    happened(f"kill.{self.point}").touch(exist_ok=False)
                    os.kill(os.getpid(), signal.SIGKILL)

        at_point(self.point, act)

    def fill_at_point(self):
        def act(is_here):
            if is_here and not (HERE / "room").exists():
                happened(f"full.{self.point}").touch()
                raise OSError(errno.ENOSPC, "No space left on device")

        at_point(self.point, act)
