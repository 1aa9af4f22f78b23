"""The weights of the best epoch, by the bound on validation rows at β = 1."""

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from fmnbench.metrics.base import BestEpoch


class Best:
    """The epoch with the best validation so far, and the VAE's weights after it.

    They are kept in the machine's memory, where an accelerator has its own; with `keeps` false,
    for trainings that end with these weights anyway, the epoch alone.
    """

    def __init__(self, vae: nn.Module, *, keeps: bool) -> None:
        self._vae = vae
        self._keeps = keeps
        self._bound = math.inf  # nats a row
        self._epoch: int | None = None
        self._weights: Mapping[str, Tensor] = {}
        self._is_known = True

    def note(self, bound: float, epoch: int) -> None:
        """Takes the weights after an epoch, if its bound is better than all before."""
        if self._is_known and bound < self._bound:
            self._bound, self._epoch = bound, epoch
            if self._keeps:
                self._weights = {
                    name: weight.detach().to("cpu", copy=True)
                    for name, weight in self._vae.state_dict().items()
                }

    def after(self, epochs: int) -> BestEpoch | None:
        """Returns the best of all epochs; None where no epoch was validated, or not all are known.

        Its weights are None where a training of so many epochs ended with them.
        """
        if self._epoch is None:
            return None
        is_last = not self._keeps or self._epoch == epochs
        return BestEpoch(epoch=self._epoch, weights=None if is_last else self._weights)

    def state_dict(self) -> dict[str, object] | None:
        """The best value with its epoch and weights; None where not all epochs are known."""
        if not self._is_known:
            return None
        return {"bound": self._bound, "epoch": self._epoch, "weights": dict(self._weights)}

    def load_state_dict(self, state_dict: dict[str, Any] | None) -> None:
        """Restores what `state_dict` returned."""
        if state_dict is None:
            self._is_known, self._epoch, self._weights = False, None, {}
            return
        self._is_known = True
        self._bound, self._epoch = state_dict["bound"], state_dict["epoch"]
        self._weights = state_dict["weights"]
