"""`fmnbench report`: boards made from the records of a store."""

import os
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from fmnbench.cli.options import (
    DEFAULT_STORE,
    PluginOption,
    StoreOption,
    SuiteOption,
    choice,
    load_plugins,
    require_folder,
    seeds,
)
from fmnbench.cli.usage import SOME_FAILED
from fmnbench.errors import UsageError, unknown
from fmnbench.spec import Result, Task

if TYPE_CHECKING:  # a help page does not wait for what only the verb needs
    from fmnbench.board import Board, Protocol, Relations
    from fmnbench.planning.suite import Suite
    from fmnbench.report import Options

PROTOCOLS = ("standard", "report")
FORMATS = ("rich", "markdown", "html", "csv", "json")
BY_SUFFIX = {".csv": "csv", ".html": "html", ".json": "json"}  # of --out, where no format is given


def report_command(  # noqa: PLR0913, PLR0917 - one parameter an option
    store: StoreOption = DEFAULT_STORE,
    suite: SuiteOption = None,
    track: Annotated[
        list[str] | None,
        typer.Option(
            "--track",
            metavar="NAME",
            help="Only the table of this track, such as toy-mlp+epochs=2. Repeatable.",
        ),
    ] = None,
    seed_list: Annotated[
        str | None,
        typer.Option(
            "--seeds",
            metavar="N|A,B,C",
            help="Only these seeds (3; 0,5,7; 0-2); a row that lacks one is a hole (default: the "
            "seeds that all rows of a table share).",
        ),
    ] = None,
    plugin: PluginOption = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(PROTOCOLS),
            parser=choice("--protocol", PROTOCOLS),
            help="Whose definitions of the metrics (default: standard, and report "
            "with --compare for tracks that re-run a published table).",
        ),
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="|".join(FORMATS),
            parser=choice("--format", FORMATS),
            help="(default: rich on a terminal, markdown in a pipe, by its suffix in a file)",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Write to a file instead of the screen.")
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Show published values beside ours.")
    ] = False,
    pictures: Annotated[
        bool,
        typer.Option(
            "--pictures",
            help="First draw the information by epoch of each track and, where weights are kept, "
            "what models reconstruct and sample (images, or pages of texts), into the folder "
            "'figures' beside the store; Markdown and HTML show them.",
        ),
    ] = False,
) -> int:
    """Show the leaderboard, made from the records alone.

    Tables of mean(std) over seeds, one a track.

    \b
    Examples:
      fmnbench report --suite quick
      fmnbench report --track toy-mlp+epochs=2
      fmnbench report --suite report --seeds 0-2
      fmnbench report > leaderboards/README.md
      fmnbench report --suite report --protocol report --compare
      fmnbench report --out table.csv
      fmnbench report --out leaderboards/site/index.html
      fmnbench report --pictures --out leaderboards/README.md
    """  # noqa: D301 - \b is typer's mark for lines to be kept
    from fmnbench.planning.suite import relations
    from fmnbench.planning.suite_file import all_suites, load_suite
    from fmnbench.records.store import Store
    from fmnbench.report import render

    numbers = None if seed_list is None else seeds(seed_list)
    require_folder(store, exists=True)
    load_plugins(plugin)
    suites = [load_suite(name, for_runs=False) for name in suite or ()]
    known = relations([*all_suites(for_runs=False), *suites])
    expected = _expected(suites)
    stored = list(dict.fromkeys(path.parent.name for path in Store(store).paths()))
    chosen = _chosen(track or [], expected, stored) or (list(expected) if suite else stored)
    expected = {name: rows for name, rows in expected.items() if name in chosen}
    results, errors = Store(store).results(known.needed(chosen, stored))
    kind = cast("Protocol | None", protocol)
    made = _boards(results, expected, known, kind, numbers, compare=compare)
    made = [board for board in made if board.track.name in chosen]
    if pictures:
        from fmnbench.gallery.drawing import draw
        from fmnbench.gallery.figures import draw_information

        draw_information(made, results, _figures(store))
        for key, reason in draw(made, results, Store(store), _figures(store)).items():
            typer.echo(f"no picture of {key}: {reason}", err=True)
    on_terminal = out is None and sys.stdout.isatty()
    suited = BY_SUFFIX.get(out.suffix, "markdown") if out else "markdown"
    name = format_ or ("rich" if on_terminal else suited)
    text = render(made, name, _options(store, out, on_terminal=on_terminal))
    if out is None:
        typer.echo(text, nl=not text.endswith("\n"))
    else:
        _write(out, text)
    changed = [] if track else [name for name in stored if _is_changed(name, chosen)]
    if changed:
        typer.echo(
            f"Not shown, as settings of the suite were changed: {', '.join(changed)}. "
            "`fmnbench report --track NAME` shows such a table.",
            err=True,
        )
    for error in errors:
        typer.echo(f"{error.label}, left out: {error}", err=True)
    return SOME_FAILED if errors else 0


def _write(path: Path, text: str) -> None:
    from fmnbench.files import write_atomically

    try:
        write_atomically(path, text.encode())
    except OSError as error:
        raise UsageError(f"--out '{path}' cannot be written: {error.strerror}.") from None


def _expected(suites: "Sequence[Suite]") -> dict[str, list[Task]]:
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
    from fmnbench.board.relations import changed_settings

    return track not in chosen and changed_settings(track)[0] in chosen


def _boards(
    results: Sequence[Result],
    expected: dict[str, list[Task]],
    relations: "Relations",
    protocol: "Protocol | None",
    seeds: Sequence[int] | None,
    *,
    compare: bool,
) -> "list[Board]":
    """Returns the boards of one protocol, or of both where a published table was re-run."""
    from fmnbench.board import boards, with_conclusions
    from fmnbench.board.published import published, with_copies

    values = with_copies(published(), relations.smaller_copies)
    beside = values if compare else ()
    if protocol is not None:
        return boards(results, protocol, expected, beside, relations, seeds)
    tracks = {value.track for value in values if value.metric.startswith("report.")}
    reruns = [result for result in results if result.spec.track.name in tracks]
    wanted = {track: rows for track, rows in expected.items() if track in tracks}
    standard = boards(results, "standard", expected, beside, relations, seeds)
    rerun = boards(reruns, "report", wanted, values, relations, seeds)
    return standard + with_conclusions(rerun, standard, results, relations.judges)


def _options(store: Path, out: Path | None, *, on_terminal: bool) -> "Options":
    """Returns how to render; links lead to the store from the file, or from beside the store."""
    from rich.console import Console

    from fmnbench.report import Options

    here = store.resolve()
    base = out.parent.resolve() if out else here.parent
    links = Path(os.path.relpath(here, base)).as_posix()
    if on_terminal:
        return Options(width=Console().width, color=True, links=links)
    drawn = {
        path: Path(os.path.relpath(path, base)).as_posix()
        for path in sorted(_figures(store).glob("*/*"))
    }
    return Options(
        links=links,
        pictures={path.stem: link for path, link in drawn.items() if path.suffix == ".png"},
        texts={path.stem: link for path, link in drawn.items() if path.suffix == ".md"},
        figures={f"{path.parent.name}/{path.name}": link for path, link in drawn.items()},
    )


def _figures(store: Path) -> Path:
    return store.resolve().parent / "figures"
