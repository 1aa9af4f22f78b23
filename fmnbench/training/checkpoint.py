"""Where a run stands, saved after each epoch, so that a killed run goes on bit for bit."""

import dataclasses
import io
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Protocol, runtime_checkable

import torch
from torch import Generator

from fmnbench.errors import FmnbenchError
from fmnbench.files import write_atomically


@runtime_checkable
class Stateful(Protocol):
    """A module or an optimiser."""

    def state_dict(self) -> dict[str, object]:
        """Returns all that must be kept."""
        ...

    def load_state_dict(self, state_dict: dict[str, object]) -> object:
        """Takes up what `state_dict` returned."""
        ...


@dataclasses.dataclass(kw_only=True)
class Progression:
    """What the training loop carries from epoch to epoch besides weights.

    `stale` counts validations without improvement; `seconds` and `processor_seconds` are training
    time so far, by the clock and of all cores.
    """

    epoch: int = 0
    curve: list[dict[str, float]] = dataclasses.field(default_factory=list)
    best: float = float("inf")
    stale: int = 0
    seconds: float = 0.0
    processor_seconds: float = 0.0
    resumed: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """One file that holds the state of named parts, generators and the progression."""

    path: Path
    parts: Mapping[str, Stateful]
    generators: Mapping[str, Generator]

    def save(self, progression: Progression) -> None:
        """Replaces the file; a kill at any moment leaves the old or the new one, whole."""
        buffer = io.BytesIO()
        torch.save(
            {
                "parts": {name: part.state_dict() for name, part in self.parts.items()},
                "generators": {name: g.get_state() for name, g in self.generators.items()},
                "progression": dataclasses.asdict(progression),
            },
            buffer,
        )
        write_atomically(self.path, buffer.getvalue())

    def load(self) -> Progression:
        """Returns where the run stopped and restores its state; a new run starts at epoch 0.

        So does one whose file an fmnbench wrote that kept other things. Raises FmnbenchError where
        the file cannot be read.
        """
        if not self.path.exists():
            return Progression()
        try:
            state = torch.load(self.path, weights_only=True, map_location="cpu")
        except (UnpicklingError, RuntimeError, EOFError) as error:
            reason = str(error).split("\n")[0]
            raise FmnbenchError(
                f"The checkpoint {self.path} cannot be read ({reason}); delete it to start anew."
            ) from error
        fields = {field.name for field in dataclasses.fields(Progression)}
        if (state["parts"].keys(), state["progression"].keys()) != (self.parts.keys(), fields):
            return Progression()
        for name, part in self.parts.items():
            part.load_state_dict(state["parts"][name])
        for name, generator in self.generators.items():
            generator.set_state(state["generators"][name])
        progression = Progression(**state["progression"])
        progression.resumed += 1
        return progression
