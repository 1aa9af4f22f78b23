"""Output that cannot be written, and Ctrl-C while the command starts."""

import os
import signal
import subprocess
import sys

import pytest

COMMAND = f"{sys.executable} -m fmnbench list suites"


def shell(text):
    done = subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_a_full_disk_under_stdout_is_one_line():
    error = "error: The output cannot be written: No space left on device.\n"
    assert shell(f"{COMMAND} > /dev/full") == (1, error)


def test_a_closed_stdout_is_one_line():
    assert shell(f"{COMMAND} >&-") == (0, "The output is closed; nothing is printed.\n")


STOPPING = """
import os, signal, sys
class Stop:
    def find_spec(self, name, path=None, target=None):
        if name == "fmnbench.cli.main":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Stop())
signal.signal(signal.SIGINT, signal.default_int_handler)
from fmnbench.__main__ import main
main()
"""


def test_ctrl_c_while_the_command_is_imported_is_one_line():
    done = subprocess.run(
        [sys.executable, "-c", STOPPING], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (128 + signal.SIGINT, "Stopped.\n")
