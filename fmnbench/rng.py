"""Randomness: one independent generator per seed and purpose, never the global one."""

import contextlib
from collections.abc import Iterator

import torch

from fmnbench.seeds import derived_seed


def stream(seed: int, purpose: str, device: str | torch.device = "cpu") -> torch.Generator:
    """Returns a generator of its own for one purpose of one run."""
    return torch.Generator(device).manual_seed(derived_seed(seed, purpose))


@contextlib.contextmanager
def isolated(seed: int, purpose: str, device: torch.device | None = None) -> Iterator[None]:
    """Seeds torch's global generators within the block and restores them afterwards.

    That of the CPU, and that of `device` if it is another. For what takes no generator in torch:
    the initialisation of layers, and dropout.
    """
    others = [device] if device is not None and device.type != "cpu" else []
    kind = others[0].type if others else "cuda"  # fork_rng's default; no device of it is touched
    with torch.random.fork_rng(devices=others, device_type=kind):
        torch.manual_seed(derived_seed(seed, purpose))
        yield
