"""Runs of the critic that meets faults, in a folder of a test's own."""

import dataclasses
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fmnbench.planning.plan import Selection, plan, tasks
from fmnbench.records.store import Store
from fmnbench.registry import load_plugin
from fmnbench.runs.executors.base import RunOptions, load_executor
from fmnbench.runs.executors.local import cores

PATIENCE = 120  # seconds; nothing takes a tenth of it on an idle machine
TIMEOUTS = (2.0, 10.0, 60.0)  # seconds
SETTINGS = ("epochs=1", "nll_samples=2")


def wait_for(condition):
    """Waits until a condition holds, and returns its value."""
    end = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < end, "nothing happened in time"
        time.sleep(0.01)
    return value


def is_alive(pid):
    """Whether a process runs."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


class Faults:
    """A folder with the critic's file and a store."""

    def __init__(self, folder):
        self.folder = folder
        self.plugin = folder / "faulty_critic.py"
        shutil.copy(Path(__file__).with_name("faulty_critic.py"), self.plugin)
        self.store = Store(folder / "store")
        load_plugin(self.plugin)

    def specs(self, *deeds, **settings):
        """Returns a run for each deed."""
        chosen = Selection(
            suites=["quick"], datasets=["digits"], critics=["faulty"], settings=SETTINGS
        )
        (spec,) = plan(tasks(chosen), [0]).specs
        return [
            dataclasses.replace(
                spec, critic_settings=spec.critic_settings | {"deed": deed, **settings}
            )
            for deed in deeds
        ]

    def run(self, specs, executor="local", **options):
        """Carries out runs by an executor; returns the events of their ends."""
        events = []
        options = RunOptions(**self.options | options)
        load_executor(executor)(specs, options, events.append)
        return [event for event in events if event.kind in ("finished", "elsewhere")]

    def run_to_timeout(self, spec, executor="local"):
        """Carries out a run that hangs, by a timeout that a busy machine reaches it in."""
        for timeout in TIMEOUTS:
            ends = self.run([spec], executor, timeout=timeout)
            if self.happened("hang"):
                return ends
            shutil.rmtree(self.store.folder)
        raise AssertionError("the run never got as far as to hang")

    @property
    def options(self):
        """The options of runs, as keywords."""
        # one thread each: on a busy machine two wait for each other
        return {"store": self.store.folder, "plugins": [self.plugin], "jobs": cores()}

    def words(self, deed, *arguments):
        """Returns the words of a `fmnbench run` of one run."""
        chosen = ["--suite", "quick", "--dataset", "digits", "--critic", "faulty"]
        settings = [word for each in (*SETTINGS, f"deed={deed}") for word in ("--set", each)]
        given = [
            "--plugin",
            str(self.plugin),
            "--store",
            str(self.store.folder),
            "--jobs",
            str(cores()),
        ]
        return ["run", *chosen, *settings, *given, *arguments]

    def command(self, deed, *arguments, **options):
        """Starts a real `fmnbench run` of one run in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "fmnbench", *self.words(deed, *arguments)],
            **{"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} | options,
            text=True,
            start_new_session=True,
            cwd=self.folder,
        )

    def record(self, spec):
        """Returns the record of a run."""
        return self.store.get(spec.track.name, spec.key)

    def path(self, spec):
        """Returns the file of a run's record."""
        return self.store.path(spec.track.name, spec.key)

    def pids(self, kind):
        """Returns the processes that the critic has told of."""
        return [int(path.suffix[1:]) for path in (self.folder / "happened").glob(f"{kind}.*")]

    def happened(self, name):
        """Whether a fault has happened."""
        return (self.folder / "happened" / name).exists()


@pytest.fixture
def faults(tmp_path, registers):
    """Returns a folder for runs that meet faults."""
    return Faults(tmp_path)
