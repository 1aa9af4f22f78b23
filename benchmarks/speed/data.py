"""Seconds until data are tensors: from the cache, and texts for the first time.

Usage: python benchmarks/speed/data.py [--rounds N] (omniglot and yahoo-10k must be in the cache)
"""

import argparse
import statistics
import time
from collections.abc import Callable

from fmnbench.data.cache import SPLITS, cached_data
from fmnbench.data.vocabulary import Vocabulary
from fmnbench.datasets.omniglot import Omniglot
from fmnbench.datasets.yahoo_10k import Yahoo10k

CACHED = {"omniglot to tensors": (Omniglot, 2.0), "yahoo-10k to ids": (Yahoo10k, 3.0)}  # goals, s
FIRST_TIME = 10.0  # s, for the 20,000 documents of yahoo-10k


def main() -> None:
    """Prints the median seconds of each, with its goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    for name, (dataset, goal) in CACHED.items():
        show(name, median(lambda: dataset().load(), rounds), goal)  # noqa: B023 - called at once
    show("yahoo-10k, texts to ids", median(first_time, rounds), FIRST_TIME)


def first_time() -> None:
    """Reads the documents, makes their vocabulary and encodes them, as at their first use."""
    data = cached_data("yahoo-10k")
    documents = {split: data.column(split, "text").to_pylist() for split in SPLITS}
    vocabulary = Vocabulary.of(documents["train"])
    for texts in documents.values():
        vocabulary.encode(texts)


def median(work: Callable[[], object], rounds: int) -> float:
    """Returns the median seconds of some work, after one round that warms files."""
    times = []
    for _ in range(rounds + 1):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:])


def show(name: str, seconds: float, goal: float) -> None:
    """Prints one line and checks it."""
    print(f"{name:26}{seconds:7.3f} s (goal {goal:g})")
    assert seconds < goal


if __name__ == "__main__":
    main()
