"""The nine runs of report Table 1, metrics included: seconds and memory of all processes.

python benchmarks/speed/table1.py    (two workers; about two minutes)
"""

import subprocess
import sys
import tempfile
import time

import psutil

INTERVAL = 0.1  # seconds between looks at the processes


def memory(process: psutil.Process) -> float:
    """Returns the MiB of a process and its children: each shared page counted once."""
    total = 0
    for member in [process, *process.children(recursive=True)]:
        try:
            total += member.memory_full_info().pss
        except psutil.Error:
            continue  # it has just ended
    return total / 2**20


def main() -> None:
    """Prints seconds and MiB."""
    with tempfile.TemporaryDirectory() as store:
        command = [
            sys.executable,
            "-m",
            "fmnbench",
            "run",
            "--suite",
            "asokan",
            "--dataset",
            "toy",
        ]
        started = time.perf_counter()
        with subprocess.Popen([*command, "--seeds", "3", "--jobs", "2", "--store", store]) as run:
            watched = psutil.Process(run.pid)
            peak = 0.0
            while run.poll() is None:
                peak = max(peak, memory(watched))
                time.sleep(INTERVAL)
        seconds = time.perf_counter() - started
        print(f"{seconds:.0f} s, peak {peak:.0f} MiB, exit code {run.returncode}")


if __name__ == "__main__":
    main()
