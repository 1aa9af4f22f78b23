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


class SideStream:
    """A stream of torch's global generators for a part of a model that may draw from them.

    Within `with` they are this stream, from where its last block ended; after it they are where
    they were. So all else draws the same numbers with the part and without it. Some microseconds
    a block, where `isolated` takes a hundred.
    """

    def __init__(self, seed: int, purpose: str, device: torch.device) -> None:
        self._device = device
        with isolated(seed, purpose, device):
            self._states = self._swap(None)

    def __enter__(self) -> None:
        self._states = self._swap(self._states)

    def __exit__(self, *_: object) -> None:
        self._states = self._swap(self._states)

    def _swap(self, states: list[torch.Tensor] | None) -> list[torch.Tensor]:
        """Returns the states of the CPU's and the device's generator, and sets others."""
        found = [torch.get_rng_state()]
        if states is not None:
            torch.set_rng_state(states[0])
        if self._device.type != "cpu":
            module = torch.get_device_module(self._device)
            found.append(module.get_rng_state(self._device))
            if states is not None:
                module.set_rng_state(states[1], self._device)
        return found
