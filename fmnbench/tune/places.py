"""Where studies lie: in a folder beside the store of reported runs, by track and method."""

from pathlib import Path

from fmnbench.records.store import folder_name

CHOICE, SUMMARY, TRIALS = "choice.toml", "study.json", "trials.csv"  # in a study's folder
FIGURES = ("front.svg", "front.png")  # in a study's folder
RECORDS = "records"  # the store of all trials of a track, in the track's folder


def tuning_folder(store: Path) -> Path:
    """Returns the folder of all studies, which lies beside the store."""
    return store.parent / "tuning"


def track_folder(store: Path, track: str) -> Path:
    """Returns the folder of a track's studies."""
    return tuning_folder(store) / folder_name(track)


def study_folder(store: Path, track: str, method: str) -> Path:
    """Returns the folder of what a study leaves beside its records."""
    return track_folder(store, track) / method


def choices(store: Path) -> list[Path]:
    """Returns the suites that studies beside a store have chosen."""
    return sorted(tuning_folder(store).glob(f"*/*/{CHOICE}"))
