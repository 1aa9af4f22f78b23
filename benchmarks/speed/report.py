"""Seconds from 10,000 record files to a rendered leaderboard; the goal is under 3.

Usage: python benchmarks/speed/report.py [--records N] [--epochs N]
"""

import argparse
import dataclasses
import itertools
import math
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from fmnbench.records import schema
from fmnbench.spec import Provenance, Result, RunSpec, Track

GOAL = 3.0  # seconds
SEEDS, CRITICS = 5, ("none", "self", "hybrid", "neural")
LAMBDAS = (1.0, 2.0, 5.0, 10.0, 20.0)
METRICS = [
    "nll",
    "elbo",
    "reconstruction",
    "kl",
    "mi_lower",
    "mi_upper",
    "mi_batch",
    "kl_marginal",
    "au",
    "density",
    "coverage",
    "z_dependence",
    "report.nll",
    "report.mi",
    "report.au",
    "report.density",
    "report.coverage",
]
FIXED = {
    "reference.nll": 90.0,
    "reference.density": 1.0,
    "reference.coverage": 0.97,
    "mi_ceiling": math.log(10_000),
    "mi_batch_ceiling": math.log(64),
}
CHILD = """
import sys, time
begin = time.perf_counter()
from pathlib import Path
from fmnbench.board import boards
from fmnbench.report import render
from fmnbench.records.store import Store
marks = [time.perf_counter()]
results, errors = Store(Path(sys.argv[1])).results()
marks.append(time.perf_counter())
tables = boards(results, sys.argv[2])
marks.append(time.perf_counter())
text = render(tables, sys.argv[3])
marks.append(time.perf_counter())
parts = [after - before for before, after in zip([begin, *marks], marks)]
print(len(results), len(errors), len(tables), *parts)
"""


def main() -> None:
    """Prints the seconds of each phase in a fresh process, median of three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=30)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        for result in itertools.islice(hand_made(arguments.epochs), arguments.records):
            path = Path(folder) / result.spec.track.name / f"{result.spec.key}.json"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(schema.dump(result))
        print(f"{arguments.records} records made in {time.perf_counter() - begin:.1f} s")
        print(f"{'':22}  import    read   board  render   process")
        for protocol, form in (
            ("standard", "markdown"),
            ("as-published", "rich"),
            ("standard", "csv"),
        ):
            runs = sorted(timed(folder, protocol, form) for _ in range(3))
            print(f"{protocol + ' ' + form:22}{runs[1][1]}  {runs[1][0]:6.2f} s (goal {GOAL:.0f})")


def timed(folder: str, protocol: str, form: str) -> tuple[float, str]:
    """Returns the wall seconds of a process that renders a store, and those of its phases."""
    begin = time.perf_counter()
    process = subprocess.run(
        [sys.executable, "-c", CHILD, folder, protocol, form],
        check=True,
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - begin
    _, errors, _, *phases = process.stdout.split()
    assert errors == "0"
    return seconds, "".join(f"{float(phase):8.2f}" for phase in phases)


def hand_made(epochs: int) -> Iterator[Result]:
    """Yields results of as many tracks as are asked for: 4 critics, up to 5 weights, 5 seeds."""
    random_value = random.Random(0).random
    provenance = Provenance(
        fmnbench="0.1.0",
        git_commit="0" * 40,
        git_dirty=False,
        python="3.11",
        torch="2.13.0",
        device="cpu",
        device_name="a processor",
        threads=2,
        dataset_sha256="0" * 64,
        started="2026-01-01T00:00:00+00:00",
        seconds=4.5,
    )
    for number in itertools.count():
        track = Track(
            name=f"track-{number:04}",
            dataset="toy",
            architecture="mlp",
            architecture_settings={"hidden": (8,), "latent": 4},
            epochs=epochs,
            batch_size=64,
            learning_rate=1e-3,
        )
        for spec in specs(track):
            curve = tuple(
                {name: random_value() for name in ("epoch", "loss", "kl", "mi", "validation")}
                for _ in range(epochs)
            )
            yield Result(
                spec=spec,
                status="done",
                metrics={name: random_value() for name in METRICS} | FIXED,
                curve=curve,
                timings={"data": random_value(), "train": 1 + random_value()},
                provenance=dataclasses.replace(provenance),
            )


def specs(track: Track) -> Iterator[RunSpec]:
    """Yields the runs of a track."""
    for critic, weight, seed in itertools.product(CRITICS, LAMBDAS, range(SEEDS)):
        if critic == "none" and weight != LAMBDAS[0]:
            continue
        yield RunSpec(
            track=track,
            critic=critic,
            critic_settings={},
            objective="elbo",
            objective_settings={},
            lambda_=0.0 if critic == "none" else weight,
            seed=seed,
            dataset_fingerprint="0" * 64,
            versions=dict.fromkeys(("architecture", "critic", "dataset", "training"), "1"),
        )


if __name__ == "__main__":
    main()
