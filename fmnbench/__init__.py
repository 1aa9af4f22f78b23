"""fmnbench: a benchmark suite and leaderboard for posterior collapse in VAEs.

`fmnbench.run` carries out runs, `fmnbench.load` reads their records; both are imported at their
first use.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for type checkers; `__getattr__` imports the same at run time
    from fmnbench.records.frames import load
    from fmnbench.runs.api import run

__all__ = ["__version__", "load", "run"]
__version__ = "0.1.0"
_PLACES = {"load": "fmnbench.records.frames", "run": "fmnbench.runs.api"}


def __getattr__(name: str) -> object:
    """Returns a function of the Python interface, importing its module."""
    if name not in _PLACES:
        raise AttributeError(f"module 'fmnbench' has no attribute '{name}'")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
