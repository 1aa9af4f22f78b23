"""Times the mutual-information bounds against the formula as the field's code writes it.

    python benchmarks/speed/information.py [--repeats N] [--threads N]

The peer broadcasts an (n, n, d) array of squares, like `calc_mi` of the released codes of He et
al. (2019) and its descendants; beyond a few thousand rows it does not fit into memory. Each
measurement is a process of its own. Seconds are of the call alone; memory is what the process
held at most beyond its imports and the data.
"""

import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import time

import torch

SIZES = ((5_000, 4), (10_000, 4), (20_000, 4), (10_000, 32))  # rows, latent dimensions
PEER_LIMIT = 2**31  # bytes of its (n, n, d) array; above it the peer is left out
MIB = 2**20


def ours(z: torch.Tensor, mean: torch.Tensor, log_variance: torch.Tensor) -> float:
    """Returns the lower bound by this package, which works out the upper one along with it."""
    from fmnbench.metrics import mutual_information_bounds

    return mutual_information_bounds(z, mean, log_variance)[0]


def broadcast(z: torch.Tensor, mean: torch.Tensor, log_variance: torch.Tensor) -> float:
    """Returns the lower bound from all pairs at once."""
    squares = (z[:, None] - mean).square() / log_variance.exp()
    constant = z.shape[1] * math.log(2 * math.pi) + log_variance.sum(1)
    # scores[i, j] = log q(z_i | x_j)
    scores = -0.5 * (squares.sum(2) + constant)
    return (scores.diagonal() - scores.logsumexp(1)).mean().item() + math.log(len(z))


SIDES = {"ours": ours, "broadcast": broadcast}


def measure(side: str, rows: int, latent: int) -> None:
    """Prints one measurement as JSON: seconds, MiB beyond the start, the value."""
    generator = torch.Generator().manual_seed(0)
    mean, noise = torch.randn(2, rows, latent, generator=generator, dtype=torch.float64)
    log_variance = torch.full_like(mean, -2.0)
    z = mean + torch.exp(0.5 * log_variance) * noise
    SIDES[side](z[:100], mean[:100], log_variance[:100])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    value = SIDES[side](z, mean, log_variance)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = {"seconds": seconds, "mib": (after - before) * 1024 / MIB, "value": value}
    print(json.dumps(result | {"resident": after * 1024 / MIB}))


def medians(side: str, rows: int, latent: int, repeats: int, threads: int) -> dict[str, float]:
    """Returns the medians of measurements, each from a process of its own."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    command = [sys.executable, __file__, "--measure", side, str(rows), str(latent)]
    runs = [
        json.loads(
            subprocess.run(
                command, env=environment, capture_output=True, text=True, check=True
            ).stdout
        )
        for _ in range(repeats)
    ]
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def compare(repeats: int, threads: int) -> None:
    """Prints the table of medians and ratios; stops where the two sides' values differ."""
    print(f"median of {repeats} runs, {threads} threads; memory beyond imports and data")
    print(f"{'rows x latent':>14} {'ours':>9} {'peer':>9} {'ratio':>7} {'ours':>9} {'peer':>9}")
    for rows, latent in SIZES:
        mine = medians("ours", rows, latent, repeats, threads)
        line = f"{f'{rows:,} x {latent}':>14} {mine['seconds']:8.3f}s "
        own_memory = f"{mine['mib']:6.0f}MiB"
        if rows * rows * latent * 8 > PEER_LIMIT:
            print(f"{line}{'-':>9} {'-':>7} {own_memory} {'-':>9}", flush=True)
        else:
            peer = medians("broadcast", rows, latent, repeats, threads)
            torch.testing.assert_close(mine["value"], peer["value"], rtol=1e-9, atol=0)
            ratio = peer["seconds"] / mine["seconds"]
            print(
                f"{line}{peer['seconds']:8.3f}s {ratio:6.1f}x {own_memory} {peer['mib']:6.0f}MiB",
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
        side, rows, latent = options.measure
        measure(side, int(rows), int(latent))
    else:
        compare(options.repeats, options.threads)


if __name__ == "__main__":
    main()
