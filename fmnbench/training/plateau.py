"""The rule of He et al. (2019): a halved rate where validation stands still."""

import copy
import math
from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.optim import Optimizer

from fmnbench.spec import Track

RATE = 0.5  # factor of the learning rate


class Plateau:
    """What the rule remembers between epochs; without a `plateau` in the track it does nothing.

    A part of a checkpoint: the best weights are saved with it.
    """

    def __init__(
        self, track: Track, modules: Mapping[str, nn.Module], optimizer: Optimizer
    ) -> None:
        self._track, self._modules, self._optimizer = track, modules, optimizer
        self._best = math.inf  # validation loss, nats a row
        self._stale = 0  # validations without improvement
        self._halvings = 0
        self._weights: dict[str, dict[str, Any]] = {}

    @property
    def is_over(self) -> bool:
        """Whether training stops."""
        return self._track.plateau is not None and self._halvings >= self._track.halvings

    def note(self, loss: float, epoch: int) -> None:
        """Takes up the validation loss after so many epochs; may change weights and rate."""
        if self._track.plateau is None:
            return
        if loss < self._best:
            self._best, self._stale = loss, 0
            self._weights = {
                name: copy.deepcopy(module.state_dict()) for name, module in self._modules.items()
            }
            return
        self._stale += 1
        if self._stale >= self._track.plateau and epoch >= self._track.plateau_from:
            self._stale = 0
            self._halvings += 1
            self.restore()
            self._optimizer.state.clear()  # its averages belong to other weights
            for group in self._optimizer.param_groups:
                group["lr"] *= RATE

    def restore(self) -> None:
        """Puts the best weights back into the modules."""
        for name, weights in self._weights.items():
            self._modules[name].load_state_dict(weights)

    def state_dict(self) -> dict[str, object]:
        """Returns all that must be kept."""
        return {
            "best": self._best,
            "stale": self._stale,
            "halvings": self._halvings,
            "weights": self._weights,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes up what `state_dict` returned."""
        self._best, self._stale = state_dict["best"], state_dict["stale"]
        self._halvings, self._weights = state_dict["halvings"], state_dict["weights"]
