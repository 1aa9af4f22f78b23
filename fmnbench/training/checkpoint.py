"""The state of a run after each epoch, on disk, so that a killed run resumes bit for bit."""

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
    """A module, an optimiser or a rule of stopping."""

    def state_dict(self) -> dict[str, object]:
        """The whole state, as plain values and tensors."""
        ...

    def load_state_dict(self, state_dict: dict[str, object]) -> object:
        """Restores what `state_dict` returned."""
        ...


@dataclasses.dataclass(kw_only=True)
class Progression:
    """The training loop's progress: epochs done, their curve, and the time they took.

    `seconds` is wall time and `processor_seconds` that of all cores, both over all attempts.
    """

    epoch: int = 0
    curve: list[dict[str, float]] = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    processor_seconds: float = 0.0
    resumed: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """One file with the state of named parts, generators and the progression."""

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
        """Restores the state of a run and returns its progression; a new run starts at epoch 0.

        A run also starts anew where another version of fmnbench, with other parts, wrote the
        file. Raises FmnbenchError where the file cannot be read.
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
