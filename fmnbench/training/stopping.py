"""When training ends and when its rate falls: patience, and He et al.'s (2019) plateau."""

import copy
import math
from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.optim import Optimizer

from fmnbench.spec import Track
from fmnbench.training.best import Best

RATE = 0.5  # factor of the learning rate at a halving


class Stopping:
    """The state of both rules and the best epoch, between epochs; a part of a checkpoint."""

    def __init__(
        self, track: Track, modules: Mapping[str, nn.Module], optimizer: Optimizer
    ) -> None:
        self._track, self._modules, self._optimizer = track, modules, optimizer
        self._rates = [group["lr"] for group in optimizer.param_groups]
        self.restart()

    def restart(self) -> None:
        """Forgets all validations, and gives the optimiser its first rates again."""
        track, modules = self._track, self._modules
        self.patience = Patience(track)
        self.plateau = Plateau(track, modules, self._optimizer)
        # a plateau ends with the best weights itself
        self.best = Best(modules["vae"], keeps=track.plateau is None)
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate

    @property
    def is_over(self) -> bool:
        """Whether training ends."""
        return self.patience.is_over or self.plateau.is_over

    def note(self, entry: Mapping[str, float], epoch: int) -> None:
        """Applies both rules to the validation of an epoch; may change weights and rate."""
        bound = entry["validation.reconstruction"] + entry["validation.kl"]
        self.best.note(bound, epoch)
        self.patience.note(bound, entry["validation.loss"])
        self.plateau.note(bound, epoch)

    def restore(self) -> None:
        """Loads the weights to evaluate: the best ones with a plateau, else the last ones."""
        self.plateau.restore()

    def state_dict(self) -> dict[str, object]:
        """The state of both rules, and the best epoch."""
        return {
            "patience": self.patience.state_dict(),
            "plateau": self.plateau.state_dict(),
            "best": self.best.state_dict(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores what `state_dict` returned; older ones had no best epoch."""
        self.patience.load_state_dict(state_dict["patience"])
        self.plateau.load_state_dict(state_dict["plateau"])
        self.best.load_state_dict(state_dict.get("best"))


class Patience:
    """Ends training after `patience` validations in a row without improvement.

    The watched value is the negative bound at β = 1, whatever the objective and the critic add to
    the loss. A track of the project report watches the whole loss, as the report does.
    """

    def __init__(self, track: Track) -> None:
        self._track = track
        self._best = math.inf  # nats a row
        self.stale = 0  # validations since the best one

    @property
    def is_over(self) -> bool:
        """Whether training ends; never without a `patience` in the track."""
        return self._track.patience is not None and self.stale >= self._track.patience

    def note(self, bound: float, loss: float) -> None:
        """Counts a validation: reconstruction + KL, and the loss with all its terms, in nats."""
        watched = loss if self._track.patience_watches == "loss" else bound
        if watched < self._best:
            self._best, self.stale = watched, 0
        else:
            self.stale += 1

    def state_dict(self) -> dict[str, object]:
        """The best value so far and the count."""
        return {"best": self._best, "stale": self.stale}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores what `state_dict` returned."""
        self._best, self.stale = state_dict["best"], state_dict["stale"]


class Plateau:
    """Halves the learning rate where validation stands still, and goes back to the best weights.

    A validation above a reference counts; one that is not above it becomes the reference, and the
    count starts anew. At `plateau` counts, but not in the first `plateau_from` epochs, the rate is
    halved and the current value becomes the reference, although the weights go back to the best
    ones so far. Training ends at the last of `halvings`. Without a `plateau` in the track nothing
    happens. Source: He et al. 2019, their code for texts.
    """

    def __init__(
        self, track: Track, modules: Mapping[str, nn.Module], optimizer: Optimizer
    ) -> None:
        self._track, self._modules, self._optimizer = track, modules, optimizer
        self._best = math.inf  # nats a row, of the weights that are kept
        self._reference = math.inf  # nats a row
        self._stale = 0  # validations above the reference
        self._halvings = 0
        self._weights: dict[str, dict[str, Any]] = {}

    @property
    def is_over(self) -> bool:
        """Whether training ends."""
        return self._track.plateau is not None and self._halvings >= self._track.halvings

    def note(self, bound: float, epoch: int) -> None:
        """Applies the rule to the validation after `epoch` epochs; may change weights and rate."""
        if self._track.plateau is None:
            return
        if bound < self._best:
            self._best = bound
            self._weights = {
                name: copy.deepcopy(module.state_dict()) for name, module in self._modules.items()
            }
        if bound <= self._reference:
            self._reference, self._stale = bound, 0
            return
        self._stale += 1
        if self._stale >= self._track.plateau and epoch > self._track.plateau_from:
            self._reference, self._stale = bound, 0
            self._halve()

    def _halve(self) -> None:
        self._halvings += 1
        self.restore()
        self._optimizer.state.clear()  # its averages belong to other weights
        for group in self._optimizer.param_groups:
            group["lr"] *= RATE

    def restore(self) -> None:
        """Loads the best weights into the modules."""
        for name, weights in self._weights.items():
            self._modules[name].load_state_dict(weights)

    def state_dict(self) -> dict[str, object]:
        """The best value with its weights, the reference and both counts."""
        return {
            "best": self._best,
            "reference": self._reference,
            "stale": self._stale,
            "halvings": self._halvings,
            "weights": self._weights,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores what `state_dict` returned."""
        self._best, self._reference = state_dict["best"], state_dict["reference"]
        self._stale, self._halvings = state_dict["stale"], state_dict["halvings"]
        self._weights = state_dict["weights"]
