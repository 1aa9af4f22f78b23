"""What `fmnbench report` does: from the records of a store to a leaderboard, shown or written."""

import dataclasses
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rich.console import Console

from fmnbench.board import (
    Board,
    Protocol,
    Relations,
    boards,
    with_conclusions,
    with_equal_information,
    with_likelihoods,
)
from fmnbench.board.across import with_runs
from fmnbench.board.power import needs
from fmnbench.board.published import published, with_copies
from fmnbench.board.relations import changed_settings
from fmnbench.board.verdicts import ERROR
from fmnbench.cli.power_display import print_power, write
from fmnbench.cli.text import say
from fmnbench.cli.usage import SOME_FAILED
from fmnbench.errors import RecordError, unknown
from fmnbench.gallery.figures import draw_figures
from fmnbench.planning.suite import Suite, relations
from fmnbench.planning.suite_file import all_suites, load_suite
from fmnbench.records.store import Store
from fmnbench.report import Options, render
from fmnbench.report.choices import sorted_rows
from fmnbench.report.figures.captions import OVERVIEW_FILE
from fmnbench.report.overview import by_worth
from fmnbench.spec import Result, Task
from fmnbench.tune.places import choices

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BY_SUFFIX = {
    ".csv": "csv",
    ".html": "html",
    ".json": "json",
    ".tex": "latex",
}  # of --out, where no format is given


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """The leaderboard that a user asked for; the options of `fmnbench report`."""

    store: Path
    suites: Sequence[str] = ()
    tracks: Sequence[str] = ()
    seeds: Sequence[int] | None = None
    protocol: str | None = None
    format: str | None = None
    out: Path | None = None
    compare: bool = False
    pictures: bool = False
    power: bool = False
    columns: Sequence[str] = ()
    sort: str | None = None
    alpha: float = ERROR

    @property
    def is_whole(self) -> bool:
        """Whether all of the store is asked for."""
        return not (self.suites or self.tracks or self.seeds or self.protocol)


def show(request: Request) -> int:
    """Prints or writes the leaderboard; returns the exit code."""
    store = Store(request.store)
    suites = [load_suite(name, for_runs=False) for name in request.suites]
    tuned = [load_suite(str(path), for_runs=False) for path in choices(request.store)]
    known = relations([*all_suites(for_runs=False), *suites, *tuned])
    expected = _expected(suites)
    stored = list(dict.fromkeys(path.parent.name for path in store.paths()))
    chosen = _chosen(request.tracks, expected, stored)
    chosen = chosen or (list(expected) if suites else stored)
    expected = {name: rows for name, rows in expected.items() if name in chosen}
    results, errors = store.results(known.needed(chosen, stored))
    made = with_runs(_boards(results, expected, known, request), results, known)
    made = by_worth([board for board in made if board.track.name in chosen])
    made = _with_likelihoods(with_equal_information(made, results), results, store, errors)
    if request.sort is not None:
        made = sorted_rows(made, request.sort)
    if request.power:
        print_power(needs(made, results), _format(request), request.out)
    else:
        if request.pictures:
            _draw(made, results, store, request)
        _print(made, request, _changed(chosen, stored))
    changed = [] if request.tracks else [name for name in stored if _is_changed(name, chosen)]
    if changed:
        say(
            f"Not shown, as settings of the suite were changed: {', '.join(changed)}. "
            "`fmnbench report --track NAME` shows such a table.",
            err=True,
        )
    for error in errors:
        say(f"{error.label}, left out: {error}", err=True)
    return SOME_FAILED if errors else 0


def _with_likelihoods(
    made: Sequence[Board], results: Sequence[Result], store: Store, errors: list[RecordError]
) -> list[Board]:
    """Returns boards with what the likelihoods of test rows say; adds those that are damaged."""
    if not any(result.rows for result in results):
        return list(made)
    from fmnbench.records.rows import likelihoods  # imports numpy

    def read(result: Result) -> "NDArray[np.float32] | None":
        try:
            return likelihoods(store, result)
        except RecordError as error:
            errors.append(error)
            return None

    return with_likelihoods(made, results, read)


def _draw(
    made: Sequence[Board], results: Sequence[Result], store: Store, request: Request
) -> None:
    from fmnbench.gallery.drawing import draw  # imports torch

    draw_figures(made, results, _figures(store.folder), whole=request.is_whole)
    for key, reason in draw(made, results, store, _figures(store.folder)).items():
        say(f"no picture of {key}: {reason}", err=True)


def _changed(chosen: Sequence[str], stored: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Returns the stored tracks that are chosen ones with changed settings, by these."""
    found: dict[str, tuple[str, ...]] = {}
    for name in stored:
        base = changed_settings(name)[0]
        if base != name:
            found[base] = (*found.get(base, ()), name)
    return {name: found[name] for name in chosen if name in found}


def _print(
    made: Sequence[Board], request: Request, changed: Mapping[str, tuple[str, ...]]
) -> None:
    options = _options(request, on_terminal=request.out is None and sys.stdout.isatty())
    write(
        render(made, _format(request), dataclasses.replace(options, changed=changed)), request.out
    )


def _format(request: Request) -> str:
    """Returns the format that is asked for, or that suits where the board goes."""
    out = request.out
    suited = BY_SUFFIX.get(out.suffix, "markdown") if out else "markdown"
    on_terminal = out is None and sys.stdout.isatty()
    return request.format or ("rich" if on_terminal else suited)


def _expected(suites: Sequence[Suite]) -> dict[str, list[Task]]:
    """Returns the rows that suites ask for, by track."""
    rows: dict[str, list[Task]] = {}
    for suite in suites:
        for comparison in suite.comparisons:
            for task in comparison.tasks():
                rows.setdefault(task.track.name, []).append(task)
    return rows


def _chosen(
    tracks: Sequence[str], expected: Collection[str], stored: Collection[str]
) -> list[str]:
    """Returns the tracks of --track; one without records that no suite names is an error."""
    known = sorted({*expected, *stored})
    for name in tracks:
        if name not in known:
            raise unknown("track", name, known)
    return list(tracks)


def _is_changed(track: str, chosen: Collection[str]) -> bool:
    """Whether a track that is not chosen is a chosen one with changed settings."""
    return track not in chosen and changed_settings(track)[0] in chosen


def _boards(
    results: Sequence[Result],
    expected: dict[str, list[Task]],
    relations: Relations,
    request: Request,
) -> list[Board]:
    """Returns the boards of one protocol, or of both where a published table was re-run."""
    values = with_copies(published(), relations.smaller_copies)
    beside = values if request.compare else ()
    seeds = request.seeds
    if request.protocol is not None:
        protocol = cast(Protocol, request.protocol)
        return boards(results, protocol, expected, beside, relations, seeds, error=request.alpha)
    tracks = {value.track for value in values if value.metric.startswith("report.")}
    reruns = [result for result in results if result.spec.track.name in tracks]
    wanted = {track: rows for track, rows in expected.items() if track in tracks}
    standard = boards(results, "standard", expected, beside, relations, seeds, error=request.alpha)
    rerun = boards(reruns, "as-published", wanted, values, relations, seeds, error=request.alpha)
    return standard + with_conclusions(rerun, standard, results, relations.judges)


def _options(request: Request, *, on_terminal: bool) -> Options:
    """Returns how to render; links lead to the store from the file, or from beside the store."""
    here, figures = request.store.resolve(), _figures(request.store)
    base = request.out.parent.resolve() if request.out else here.parent
    links = Path(os.path.relpath(here, base)).as_posix()
    columns = tuple(request.columns)
    if on_terminal:
        return Options(width=Console().width, color=True, links=links, columns=columns)
    found = [*figures.glob("*/*"), *(figures.glob(OVERVIEW_FILE) if request.is_whole else ())]
    drawn = {path: Path(os.path.relpath(path, base)).as_posix() for path in sorted(found)}
    return Options(
        links=links,
        columns=columns,
        pictures={path.stem: link for path, link in drawn.items() if path.suffix == ".png"},
        texts={path.stem: link for path, link in drawn.items() if path.suffix == ".md"},
        figures={path.relative_to(figures).as_posix(): link for path, link in drawn.items()},
    )


def _figures(store: Path) -> Path:
    return store.resolve().parent / "figures"
