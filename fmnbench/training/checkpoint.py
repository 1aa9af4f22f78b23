"""The state of a run after each epoch, on disk, so that a killed run resumes bit for bit."""

import copy
import dataclasses
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import Generator

from fmnbench.errors import MachineError
from fmnbench.files import move, write_atomically
from fmnbench.metrics.base import BestEpoch

UNREADABLE = ".unreadable"  # after the name of a file that is no checkpoint of this run


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


@dataclasses.dataclass(kw_only=True)
class Trained(Progression):
    """The progression of a training that is over, and its best epoch on validation rows."""

    best: BestEpoch | None = dataclasses.field(default=None, compare=False)


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

        A run also starts anew where the file is of other parts, as of another version of
        fmnbench, or is no checkpoint; that is kept under another name. Raises MachineError where
        the file cannot be read.
        """
        if not self.path.exists():
            return Progression()
        fresh = copy.deepcopy({name: part.state_dict() for name, part in self.parts.items()})
        generators = {name: each.get_state() for name, each in self.generators.items()}
        try:
            return self._restored()
        except OSError as error:
            raise MachineError(f"{self.path} cannot be read: {error.strerror}.") from error
        except (MemoryError, torch.OutOfMemoryError):
            raise
        except Exception:  # noqa: BLE001, RUF100 - torch raises all kinds for a damaged file
            move(self.path, self.path.with_name(self.path.name + UNREADABLE))
        for name, part in self.parts.items():
            part.load_state_dict(fresh[name])
        for name, generator in self.generators.items():
            generator.set_state(generators[name])
        return Progression()

    def _restored(self) -> Progression:
        """Restores the state in the file, as far as it is one."""
        state = torch.load(self.path, weights_only=True, map_location="cpu")
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
