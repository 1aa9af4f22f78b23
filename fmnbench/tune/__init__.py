"""Tuning: Optuna proposes settings, trials are ordinary runs, on the validation split only.

`fmnbench.tune.study` is imported at its first use.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for type checkers; `__getattr__` imports the same at run time
    from fmnbench.tune.api import study

__all__ = ["study"]


def __getattr__(name: str) -> object:
    """Returns a function of the Python interface, importing its module."""
    if name not in __all__:
        raise AttributeError(f"module 'fmnbench.tune' has no attribute '{name}'")
    return getattr(importlib.import_module("fmnbench.tune.api"), name)
