"""Randomness: one independent generator per seed and purpose, never the global one."""

import contextlib
import hashlib
from collections.abc import Iterator

import torch


def derived_seed(seed: int, purpose: str) -> int:
    """Returns 63 bits that are independent for each (seed, purpose) pair."""
    words = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    return int.from_bytes(words[:8], "big") >> 1  # torch takes signed 64-bit seeds


def stream(seed: int, purpose: str, device: str | torch.device = "cpu") -> torch.Generator:
    """Returns a generator of its own for one purpose of one run."""
    return torch.Generator(device).manual_seed(derived_seed(seed, purpose))


@contextlib.contextmanager
def isolated(seed: int, purpose: str) -> Iterator[None]:
    """Seeds torch's global CPU generator within the block and restores it afterwards.

    For torch's own layer initialisation, which takes no generator.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(seed, purpose))
        yield
