"""Seconds that `fmnbench` takes to answer without any run; the goal is under 0.6 for each.

Usage: python benchmarks/speed/startup.py [--starts N]
"""

import argparse
import statistics
import subprocess
import sys
import time

GOAL = 0.6  # seconds
COMMANDS = (
    "--help",
    "run --help",
    "tune --help",
    "list",
    "list tasks",
    "data list",
    "results --help",
)
CHILD = """
import sys
from fmnbench.cli.main import main
try:
    main(sys.argv[1:])
finally:
    slow = {"torch", "optuna"} & set(sys.modules)
    assert not slow, f"{slow} imported"
"""


def main() -> None:
    """Prints the median wall time of fresh processes, beside a Python that does nothing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=10)
    starts = parser.parse_args().starts
    print(f"{'python -c pass':24}{median('pass', [], starts):6.3f} s")
    for command in COMMANDS:
        seconds = median(CHILD, command.split(), starts)
        print(f"{'fmnbench ' + command:24}{seconds:6.3f} s (goal {GOAL})")
        assert seconds < GOAL


def median(code: str, arguments: list[str], starts: int) -> float:
    """Returns the median seconds of processes that run some code, after one that warms files."""
    times = []
    for _ in range(starts + 1):
        begin = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", code, *arguments], check=True, stdout=subprocess.DEVNULL
        )
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:])


if __name__ == "__main__":
    main()
