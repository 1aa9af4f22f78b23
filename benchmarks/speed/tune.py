"""What `fmnbench tune` costs above its runs (goal: under 3 %), and how fast a long study resumes.

Usage: python benchmarks/speed/tune.py [overhead] [resume] [--trials N] [--rounds N]

Overhead: a study on toy-mlp, and then the same runs as one plan, each in a process of its own, one
run at a time. Beside the wall time stands the CPU time of the process that tunes, which a busy
machine changes less. Resume: the command on a finished study of 1,000 trials, beside an import of
torch, which is part of it (goal: under 3 s).
"""

import argparse
import dataclasses
import json
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from fmnbench.planning.plan import Plan, Selection
from fmnbench.records.store import Store
from fmnbench.rng import stream
from fmnbench.runs.campaign import carry_out
from fmnbench.runs.executors.base import RunOptions
from fmnbench.spec import Provenance, Result, RunSpec
from fmnbench.tune import study
from fmnbench.tune.goals import goal_of
from fmnbench.tune.places import RECORDS, track_folder
from fmnbench.tune.space import first_points
from fmnbench.tune.studies import Wanted, studies

TRACK, CRITIC = "toy-mlp", "self"
LONG = 1_000  # trials of the study that is resumed
PROVENANCE = Provenance(
    fmnbench="0", git_commit=None, git_dirty=None, python="3", torch="2", device="cpu",
    device_name="a processor", threads=1, dataset_sha256="ab" * 32, started="", seconds=5.0,
)  # fmt: skip


def main() -> None:
    """Prints both measurements, or the one that is named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", default=["overhead", "resume"])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", choices=["tune", "plan"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        child(given.child, given.folder, given.trials)
        return
    if "overhead" in given.what:
        print_overhead(given.trials, given.rounds)
    if "resume" in given.what:
        print_resume(given.rounds)


def print_overhead(trials: int, rounds: int) -> None:
    """Prints the seconds of a study and of its runs alone, round by round, and the overhead."""
    walls, owns = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            took = {}
            for kind in ("tune", "plan"):
                words = ["--child", kind, "--folder", folder, "--trials", str(trials)]
                done = subprocess.run(
                    [sys.executable, __file__, *words], check=True, stdout=subprocess.PIPE
                )
                took[kind] = json.loads(done.stdout.splitlines()[-1])
        tuned, bare = took["tune"], took["plan"]
        walls.append(tuned["wall"] / bare["wall"] - 1)
        owns.append((tuned["cpu"] - bare["cpu"]) / bare["wall"])
        print(
            f"{trials + 1} runs: tune {tuned['wall']:.1f} s ({tuned['cpu']:.1f} of its own CPU), "
            f"a plan {bare['wall']:.1f} s ({bare['cpu']:.1f})"
        )
    print(
        f"overhead: {statistics.median(walls):+.1%} of wall time, "
        f"{statistics.median(owns):+.1%} by the CPU time of the process that tunes (goal 3 %)"
    )


def child(kind: str, folder: Path, trials: int) -> None:
    """Carries out a study, or its runs as one plan in another store; prints what it took."""
    tuned = track_folder(folder / "results", TRACK) / RECORDS
    if kind == "plan":
        results, _ = Store(tuned).results()
        options = RunOptions(store=folder / "plan", jobs=1)
        plan = Plan(specs=tuple(result.spec for result in results))
    wall, cpu = time.perf_counter(), time.process_time()
    if kind == "tune":
        study(track=TRACK, critic=CRITIC, trials=trials, store=folder / "results", jobs=1)
    else:
        carry_out(plan, options, lambda _event: None)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"wall": wall, "cpu": cpu}))


def print_resume(rounds: int) -> None:
    """Prints the median seconds of the command on a finished study, and of an import of torch."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "results"
        save_long_study(store)
        words = [
            "--critic",
            CRITIC,
            "--track",
            TRACK,
            "--trials",
            str(LONG),
            "--store",
            str(store),
        ]
        command = [sys.executable, "-m", "fmnbench", "tune", *words]
        print(f"first, with the database and the figure to make: {seconds_of(command)[0]:.1f} s")
        tries = [
            (seconds_of(command), seconds_of([sys.executable, "-c", "import torch"]))
            for _ in range(rounds)
        ]
    for name, place in (("resume", 0), ("import torch", 1)):
        wall, cpu = (statistics.median(each[place][kind] for each in tries) for kind in (0, 1))
        print(f"{name:14}{wall:6.2f} s, {cpu:.2f} s of CPU")


def seconds_of(command: list[str]) -> tuple[float, float]:
    """Returns the wall seconds and the CPU seconds of a command."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def save_long_study(store: Path) -> None:
    """Saves the records of a study of 1,000 trials, whose numbers are noisy functions of λ."""
    wanted = Wanted(critic=CRITIC, goal=goal_of("front"), trials=LONG, seeds=1)
    (asked,) = studies(Selection(tracks=(TRACK,)), wanted, store).ready
    (weight,) = asked.space
    weights = {point[weight.key] for point in first_points(asked.space)}
    shares = (place / (1.5 * LONG) for place in range(2 * LONG))
    while len(weights) < LONG:
        weights.add(weight.at(next(shares)))
    records = Store(track_folder(store, TRACK) / RECORDS)
    draws = torch.randn(2 * LONG + 2, generator=stream(0, "speed/tune"))
    noise = iter(draws.tolist())
    for spec in (*asked.baseline, *(asked.specs({weight.key: each})[0] for each in weights)):
        records.save(made_up(spec, next(noise), next(noise)))


def made_up(spec: RunSpec, first: float, second: float) -> Result:
    """Returns a record of a run with made-up numbers and a curve of 30 epochs."""
    nll = 30 + math.log10(spec.lambda_ / 2) ** 2 if spec.lambda_ else 30.1
    metrics = {
        "nll": nll + 0.1 * first, "mi_lower": 2 + math.log1p(spec.lambda_) / 4 + 0.1 * second,
        "mi_upper": 5.0, "mi_ceiling": 6.9, "elbo": -nll - 0.5, "kl": 3.0, "au": 4.0,
        "z_dependence": 0.5, "reference.nll": 40.0,
    }  # fmt: skip
    curve = tuple(
        {"epoch": float(epoch), "validation.reconstruction": nll, "validation.kl": 3.0}
        for epoch in range(1, spec.track.epochs + 1)
    )
    started = f"2026-01-01T00:00:00.{abs(hash(spec.lambda_)) % 10**6:06}+00:00"
    origin = dataclasses.replace(PROVENANCE, started=started)
    return Result(spec=spec, status="done", metrics=metrics, curve=curve, provenance=origin)


if __name__ == "__main__":
    main()
