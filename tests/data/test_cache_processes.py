"""Imports that are killed, or come at the same time: what is there is old or new, and whole."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import fmnbench as package

KILLED = """
import itertools, json, os, signal, sys
from pathlib import Path

from fmnbench.data.cache import SPLITS, manifest, cached_data, dataset_folder
from fmnbench.data.acquire import import_files, verify

old, others, repeat = ([Path(path) for path in paths] for paths in json.loads(sys.argv[1]))
CHANGES = ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree")


def import_until(last, paths):
    # ends this process by SIGKILL just before the change to the place that has the number `last`
    left = itertools.count(last, -1)

    def watch(event, arguments):
        if event in CHANGES and "snli" in str(arguments) and next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    import_files("snli", paths, replace=True)
    os._exit(0)


import_files("snli", old)
before = manifest("snli").sha256
found = []
for last in itertools.count():
    child = os.fork()
    if child == 0:
        import_until(last, others)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or status == 0  # else an import that is refused never ends this
    now = verify("snli").sha256
    found.append([os.waitstatus_to_exitcode(status), now == before])
    if status == 0:
        break
    if now != before:
        import_files("snli", old, replace=True)
import_files("snli", old, replace=True)
print(json.dumps([found, sorted(path.name for path in dataset_folder("snli").iterdir())]))
"""
AT_ONCE = """
import json, os, sys
from pathlib import Path

from fmnbench.data.cache import dataset_folder
from fmnbench.data.acquire import import_files, verify

children = []
for paths in json.loads(sys.argv[1]):
    child = os.fork()
    if child == 0:
        for _ in range(5):
            import_files("snli", [Path(path) for path in paths], replace=True)
        os._exit(0)
    children.append(child)
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
names = sorted(path.name for path in dataset_folder("snli").iterdir())
print(json.dumps([codes, verify("snli").sha256, names]))
"""


def reported(code, *paths):
    """Returns what a script of its own process prints as JSON."""
    top = str(Path(package.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps([[str(p) for p in each] for each in paths])],
        env={**os.environ, "PYTHONPATH": top},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("again", [False, True], ids=["other data", "the same data"])
def test_an_import_killed_at_any_moment_leaves_the_old_or_the_new_data(again, cache, texts, laid):
    old = laid(texts(), "old")
    others = laid(texts() if again else texts(train=["a horse"]), "others")
    found, names = reported(KILLED, old, others, [])
    *killed, last = found
    assert {code for code, _ in killed} == {-9}
    assert len(killed) > 5  # changes to the place that an import consists of
    assert last == [0, again]
    states = [is_old for _, is_old in killed]
    if not again:
        # the old data up to one moment, then the new
        assert states == sorted(states, reverse=True)
        assert set(states) == {True, False}
    assert len(names) == 3  # the data, the account and the lock: what was cut off is cleared away


def test_imports_at_the_same_time_come_one_after_the_other(cache, texts, laid):
    given = [
        laid(texts(train=["the cat sat", f"a dog ran {name}"]), name)
        for name in ("one", "two", "three")
    ]
    codes, sha256, names = reported(AT_ONCE, *given)
    assert codes == [0, 0, 0]
    assert len(names) == 3
    assert names[0].startswith(sha256[:16])
