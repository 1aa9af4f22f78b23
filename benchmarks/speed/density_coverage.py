"""Times density and coverage against the `prdc` package, side by side in one process tree.

    python benchmarks/speed/density_coverage.py [--repeats N] [--threads N]

Each measurement is a process of its own, ours and the peer's in turn. Seconds are of the call
alone; memory is what the process held at most beyond its imports and the data, so that neither
side pays for the other's libraries.
"""

import argparse
import contextlib
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import time

import numpy as np

SIZES = ((20_000, 4), (8_000, 32), (20_000, 16))  # rows, dimensions; the last is the toy's size
NEIGHBOURS = 5
MIB = 2**20


def ours(real: np.ndarray, generated: np.ndarray) -> tuple[float, float]:
    """Returns density and coverage by this package."""
    import torch

    from fmnbench.metrics import density_coverage

    return density_coverage(torch.from_numpy(real), torch.from_numpy(generated), NEIGHBOURS)


def prdc(real: np.ndarray, generated: np.ndarray) -> tuple[float, float]:
    """Returns density and coverage by the peer, with precision and recall as it comes."""
    from prdc import compute_prdc

    with contextlib.redirect_stdout(io.StringIO()):
        values = compute_prdc(real, generated, NEIGHBOURS)
    return float(values["density"]), float(values["coverage"])


SIDES = {"ours": ours, "prdc": prdc}


def measure(side: str, rows: int, dimensions: int) -> None:
    """Prints one measurement as JSON: seconds, MiB beyond the start, the two values."""
    random = np.random.default_rng(0)
    real, generated = random.standard_normal((2, rows, dimensions))
    SIDES[side](real[:100], generated[:100])  # imports, threads and buffers are not what we time
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    values = SIDES[side](real, generated)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = {"seconds": seconds, "mib": (after - before) * 1024 / MIB, "values": values}
    print(json.dumps(result))


def measured(side: str, rows: int, dimensions: int, threads: int) -> dict[str, object]:
    """Returns one measurement from a process of its own."""
    environment = os.environ | dict.fromkeys(
        ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads)
    )
    command = [sys.executable, __file__, "--measure", side, str(rows), str(dimensions)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def compare(repeats: int, threads: int) -> None:
    """Prints the table of medians and ratios; stops where the two sides' values differ."""
    print(f"median of {repeats} runs, {threads} threads; memory beyond imports and data")
    print(
        f"{'rows x dimensions':>18} {'ours':>9} {'prdc':>9} {'ratio':>7} {'ours':>9} {'prdc':>9}"
    )
    for rows, dimensions in SIZES:
        runs = {side: [] for side in SIDES}
        for _ in range(repeats):
            for side, results in runs.items():
                results.append(measured(side, rows, dimensions, threads))
        values = {side: results[0]["values"] for side, results in runs.items()}
        np.testing.assert_allclose(values["ours"], values["prdc"], rtol=1e-12)
        seconds, mib = (
            [statistics.median(run[what] for run in runs[side]) for side in ("ours", "prdc")]
            for what in ("seconds", "mib")
        )
        print(
            f"{f'{rows:,} x {dimensions}':>18} {seconds[0]:8.3f}s {seconds[1]:8.3f}s "
            f"{seconds[1] / seconds[0]:6.1f}x {mib[0]:6.0f}MiB {mib[1]:6.0f}MiB",
            flush=True,
        )


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        side, rows, dimensions = options.measure
        measure(side, int(rows), int(dimensions))
    else:
        compare(options.repeats, options.threads)


if __name__ == "__main__":
    main()
