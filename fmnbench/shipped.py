"""Where the files that come with fmnbench are: suites and published numbers."""

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path


def benchmark_files() -> Traversable:
    """Returns the `benchmarks` folder: in the installed package, or beside it in a checkout."""
    installed = resources.files("fmnbench") / "benchmarks"
    return installed if installed.is_dir() else Path(__file__).parents[1] / "benchmarks"
