"""Carrying out studies for `fmnbench tune`, with their progress shown."""

import dataclasses
import signal
from collections.abc import Sequence
from pathlib import Path

from fmnbench.cli.text import counted, say, say_json
from fmnbench.cli.tune_display import TuneDisplay
from fmnbench.cli.tune_tables import print_study
from fmnbench.cli.usage import INTERRUPTED, SOME_FAILED
from fmnbench.data import cache
from fmnbench.data.dataset import CachedDataset
from fmnbench.errors import UsageError, unknown
from fmnbench.registry import datasets
from fmnbench.runs.executors.base import RunOptions
from fmnbench.spec import Task
from fmnbench.tune.carrying import carry_out_study
from fmnbench.tune.definition import Definition
from fmnbench.tune.outputs import written
from fmnbench.tune.summary import Summary


def carry_out_studies(
    studies: Sequence[Definition],
    options: RunOptions,
    *,
    storage: str | None,
    until: float | None,
    as_json: bool,
) -> int:
    """Carries out studies, `options` being of the store beside them; returns the exit code.

    Nothing is started that would end after `until`, a time of time.monotonic.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stops it as Ctrl-C does
    done: list[Summary] = []
    for asked in studies:
        with TuneDisplay(asked) as display:
            study = carry_out_study(
                asked,
                options,
                listen=display.show,
                told=display.told,
                storage=storage,
                until=until,
            )
        done.append(study)
        if not as_json:
            print_study(study)
        left = asked.trials - len(study.trials)
        if study.interrupted or (until is not None and left > 0 and not study.problems):
            say(f"Stopped with {counted(left, 'trial')} left; the same command goes on.", err=True)
        if study.interrupted:
            break
    if as_json:
        print_json(done)
    if any(study.interrupted for study in done):
        return INTERRUPTED
    bad = any(study.problems or study.choice is None for study in done)
    return SOME_FAILED if bad else 0


def show_studies(store: Path, track: str | None, *, as_json: bool) -> None:
    """Prints the studies beside a store, or those of one track."""
    found = written(store)
    tracks = sorted({study.track for study in found})
    if not found:
        raise UsageError(f"There is no study beside '{store}'; `fmnbench tune` makes one.")
    if track is not None and track not in tracks:
        raise unknown("track with a study", track, tracks)
    chosen = [study for study in found if track in (None, study.track)]
    if as_json:
        print_json(chosen)
        return
    for study in chosen:
        print_study(study)


def print_json(studies: Sequence[Summary]) -> None:
    """Prints studies as a JSON list."""
    values = [dataclasses.asdict(study) for study in studies]
    say_json(values)


def print_missing(rows: Sequence[Task], critic: str) -> None:
    """Prints which datasets are not installed, and how to get them or others."""
    by_dataset: dict[str, list[Task]] = {}
    for row in rows:
        by_dataset.setdefault(row.track.dataset, []).append(row)
    for name, members in by_dataset.items():
        tracks = ", ".join(row.track.name for row in members)
        plural = "s" if len(members) > 1 else ""
        made = datasets.get(name)(**datasets.fill(name, members[0].track.dataset_settings))
        assert isinstance(made, CachedDataset)
        key = made.cache_name
        lines = [f"error: Dataset '{key}' is not installed (track{plural} {tracks})."]
        lines += [f"  get it:     fmnbench data fetch {key}"] if made.sources else []
        way = "or import: " if made.sources else "import it: "
        lines.append(f"  {way} fmnbench data import {key} {made.import_example}")
        lines += [
            f"  installed:  fmnbench tune --critic {critic} --dataset {other}"
            for other in made.smaller
            if cache.manifest(other) is not None
        ]
        for line in lines:
            say(line, err=True)
