"""`fmnbench list`: what is registered, read without importing torch."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from fmnbench.board.labels import method_label
from fmnbench.cli.options import JsonOption, PluginOption, load_plugins
from fmnbench.cli.text import UNBROKEN, print_definitions, say, say_json
from fmnbench.errors import unknown
from fmnbench.planning.suite_file import all_suites
from fmnbench.registry import REGISTRIES, Entry, Range

Row = dict[str, object]
COMPONENTS = ("datasets", "architectures", "critics", "remedies", "metrics")
WHAT = (*COMPONENTS, "suites", "tasks")
FORMERLY = {"objectives": "remedies"}
SEARCHED = ("critics", "remedies")  # the kinds whose settings `tune` searches
LETTERS = {"lambda": "λ"}
WITHOUT_Z = "no latent"  # the row of a latent-free track


def list_command(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="WHAT", help=f"One of: {', '.join(WHAT)}. All but tasks, if left out."
        ),
    ] = None,
    as_json: JsonOption = False,
    plugin: PluginOption = None,
) -> None:
    """List what is registered, with its source.

    \b
    Examples:
      fmnbench list critics
      fmnbench list tasks
      fmnbench list critics --plugin my_critic.py
      fmnbench list metrics --json
    """  # noqa: D301 - \b is typer's mark for lines to be kept
    what = FORMERLY.get(what or "", what)
    if what is not None and what not in WHAT:
        raise unknown("kind to list", what, WHAT)
    load_plugins(plugin)
    chosen = [what] if what else [name for name in WHAT if name != "tasks"]
    tables = {name: rows(name) for name in chosen}
    if as_json:
        say_json(tables[what] if what else tables)
        return
    for number, (title, lines) in enumerate(tables.items()):
        if number:
            say()
        if title == "tasks":
            _print_tasks(lines)
        else:
            print_definitions(title, {str(line["name"]): _paragraphs(line) for line in lines})


def rows(what: str) -> list[Row]:
    """Returns the rows of one table."""
    if what == "suites":
        return [
            {
                "name": suite.name,
                "summary": suite.title,
                "tracks": [comparison.track.name for comparison in suite.comparisons],
                "source": suite.citation,
            }
            for suite in all_suites()
        ]
    if what == "tasks":
        return [
            {
                "suite": suite.name,
                "track": task.track.name,
                "dataset": task.track.dataset,
                "architecture": task.track.architecture,
                "row": WITHOUT_Z if task.track == comparison.reference else method_label(task),
                "critic": task.critic,
                "objective": task.objective,
                "lambda": task.lambda_,
            }
            for suite in all_suites()
            for comparison in suite.comparisons
            for task in comparison.tasks()
        ]
    return [_row(what, entry) for entry in REGISTRIES[what].entries()]


def _print_tasks(lines: Sequence[Row]) -> None:
    """Prints the tracks of each suite with the rows that are compared on each."""
    for number, (suite, tasks) in enumerate(
        itertools.groupby(lines, key=lambda row: row["suite"])
    ):
        if number:
            say()
        tracks: dict[str, list[Row]] = {}
        for task in tasks:
            tracks.setdefault(str(task["track"]), []).append(task)
        print_definitions(
            f"suite {suite}", {track: _methods(rows) for track, rows in tracks.items()}
        )


def _methods(rows: Sequence[Row]) -> list[str]:
    """Returns the text beside a track: its dataset and architecture, then its rows."""
    track = rows[0]
    # a row's name stays on one line
    methods = ", ".join(str(row["row"]).replace(" ", UNBROKEN) for row in rows)
    return [f"{track['dataset']} + {track['architecture']}", methods]


def _row(what: str, entry: Entry) -> Row:
    attributes = entry.attributes
    ranges = _ranges(what, entry) if what in SEARCHED else {}
    return {
        "name": entry.name,
        **{key: attributes[key] for key in ("unit", "better") if key in attributes},
        "summary": entry.summary,
        "source": entry.source,
        **({"cost": attributes.get("cost", "")} if what == "remedies" else {}),
        **(
            {"settings": REGISTRIES[what].written_settings(entry.name), "ranges": ranges}
            if what in SEARCHED
            else {}
        ),
        "origin": entry.origin,
        "broken": entry.broken,
    }


def _ranges(what: str, entry: Entry) -> dict[str, object]:
    """Returns where `tune` searches, by setting; the λ of a critic comes first."""
    if entry.broken is not None:
        return {}
    weight = entry.lambda_range if what == "critics" else None
    ranges = {**({"lambda": weight} if weight else {}), **REGISTRIES[what].ranges(entry.name)}
    return {name: dataclasses.asdict(span) for name, span in ranges.items()}


def _paragraphs(line: Mapping[str, object]) -> list[str]:
    """Returns the text beside a name: a sentence, then unit, source and origin."""
    tracks = line.get("tracks")
    parts = [
        f"tracks {', '.join(tracks)}" if isinstance(tracks, list) else "",
        str(line.get("unit", "")),
        f"{line['better']} is better" if line.get("better") else "",
        f"cost: {line['cost']}" if line.get("cost") else "",
        str(line["source"]),
        "" if line.get("origin", "built-in") == "built-in" else str(line["origin"]),
    ]
    broken = f"BROKEN: {line['broken']}" if line.get("broken") else ""
    ranges, given = line.get("ranges"), line.get("settings")
    spans = ranges.items() if isinstance(ranges, dict) else ()
    searched = ", ".join(f"{LETTERS.get(name, name)} {Range(**span)}" for name, span in spans)
    tuned = f"tuned: {searched}" if searched else ""
    values = given.items() if isinstance(given, dict) else ()
    settings = ", ".join(f"{name}={value}" for name, value in values)
    described = " · ".join(part for part in parts if part)
    return [broken, str(line["summary"]), described, settings and f"settings: {settings}", tuned]
