"""How tracks relate to each other, as suites state it: references, judges and smaller copies."""

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence

from fmnbench.spec import Task, Track

CHANGE = "+"  # separates a track's name from each setting that `run --set` changed


@dataclasses.dataclass(frozen=True, kw_only=True)
class SmallerCopy:
    """The track of which another is a smaller copy, and how the two experiments differ."""

    track: str
    differs: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Superseded:
    """The track that replaces another, and why; records of the other are shown, none are added."""

    by: str
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tuned:
    """How the row of a suite was chosen by `fmnbench tune`, on validation rows.

    `trials` is the number of settings tried, `baseline_trials` that of the plain VAE, each with
    `seeds` seeds of tuning; `margin` is in nats. `records` is the SHA-256 of the trials' records.
    """

    study: str
    trials: int
    baseline_trials: int
    seeds: int
    goal: str
    margin: float
    records: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class TunedRow:
    """A row that was chosen by tuning."""

    task: Task
    how: Tuned


@dataclasses.dataclass(frozen=True, kw_only=True)
class Relations:
    """The relations between tracks, by the name of the track that has them.

    `latent_free` names the track of the model without a latent that a track's models must beat;
    `judges` the track that tests the conclusions published on a track by the field's definitions.
    Published values of a track stand also beside its `smaller_copies`, with what differs.
    `superseded` tracks have records but are not run any more. `tuned` are rows of a track that
    were chosen by tuning. `margins` are, by metric, the differences from the plain VAE that count
    as none, where a suite states them. `tolerances` are relative: how much a metric may differ
    when a run is repeated.
    """

    latent_free: Mapping[str, str] = dataclasses.field(default_factory=dict)
    judges: Mapping[str, str] = dataclasses.field(default_factory=dict)
    smaller_copies: Mapping[str, SmallerCopy] = dataclasses.field(default_factory=dict)
    superseded: Mapping[str, Superseded] = dataclasses.field(default_factory=dict)
    tuned: Mapping[str, Sequence[TunedRow]] = dataclasses.field(default_factory=dict)
    margins: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    tolerances: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def is_reference(self, model: Track, track: Track) -> bool:
        """Whether a track is the latent-free reference of another.

        The reference of a track with changed settings has the same changes, except those of
        settings that its architecture does not have.
        """
        base, changes = changed_settings(track.name)
        model_base, model_changes = changed_settings(model.name)
        if self.latent_free.get(base) != model_base or not model_changes <= changes:
            return False
        settings = {*vars(model), *model.dataset_settings, *model.architecture_settings}
        return all(change.partition("=")[0] not in settings for change in changes - model_changes)

    def needed(self, tracks: Collection[str], stored: Iterable[str]) -> list[str]:
        """Returns the stored tracks whose records the tables of some tracks need.

        These are the tracks themselves, their judges and every possible latent-free reference.
        """
        bases = [changed_settings(track) for track in tracks]
        judges = {self.judges.get(track) for track in tracks}
        found = []
        for name in stored:
            model, changes = changed_settings(name)
            is_reference = any(
                self.latent_free.get(base) == model and changes <= others for base, others in bases
            )
            if name in tracks or name in judges or is_reference:
                found.append(name)
        return found


def changed_settings(track: str) -> tuple[str, frozenset[str]]:
    """Returns the name in the suite of a track, and its changes as key=value texts."""
    base, *changes = track.split(CHANGE)
    return base, frozenset(changes)
