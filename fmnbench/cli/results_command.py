"""`fmnbench results`: the records of a store, one line each or one in full."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, get_args

import typer

from fmnbench.cli.options import (
    DEFAULT_STORE,
    JsonOption,
    StoreOption,
    choice,
    require_folder,
)
from fmnbench.cli.text import print_table, row_name, say, say_json
from fmnbench.cli.usage import SOME_FAILED
from fmnbench.cli.verbs import Verb, Verbs
from fmnbench.errors import unknown
from fmnbench.printable import escaped
from fmnbench.records.store import Store
from fmnbench.spec import Result, Status, Track, compared


class ResultsVerbs(Verbs):
    """The verbs of `fmnbench results`."""

    table: ClassVar[Mapping[str, Verb]] = {
        "list": Verb(
            place="results_command:list_results",
            summary="List records, one a line: key, track, row, seed, status, seconds.",
        ),
        "show": Verb(
            place="results_command:show_result",
            summary="Show one record: how it ended, its spec, metrics, timings and provenance.",
        ),
        "export": Verb(
            place="bundle_commands:export_results",
            summary="Write records with their checksums into one zip.",
        ),
        "import": Verb(
            place="bundle_commands:import_results",
            summary="Add the records of a bundle; nothing that is here is overwritten.",
        ),
        "verify": Verb(
            place="verify_command:verify_results",
            summary="Run records again, and say whether they come out equal.",
        ),
    }


results_app = typer.Typer(cls=ResultsVerbs, rich_markup_mode=None)


@results_app.callback()
def results() -> None:
    """List, show, export, import and verify the records of a store."""


def list_results(
    store: StoreOption = DEFAULT_STORE,
    track: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this track. Repeatable.")
    ] = None,
    status: Annotated[
        str | None,
        typer.Option(
            metavar="STATUS",
            parser=choice("--status", get_args(Status)),
            help=f"Only records that ended so: {', '.join(get_args(Status))}.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """List records, one a line: key, track, row, seed, status, seconds.

    \b
    Examples:
      fmnbench results list
      fmnbench results list --track toy-mlp --status failed
    """  # noqa: D301 - \b is typer's mark for lines to be kept
    found, errors = _opened(store).results()
    tracks = {result.spec.track.name for result in found}
    for name in track or []:
        if name not in tracks:
            raise unknown("track", name, tracks)
    chosen = [
        result
        for result in found
        if status in (None, result.status) and (not track or result.spec.track.name in track)
    ]
    if as_json:
        say_json([_fields(each) for each in chosen])
    elif chosen:
        print_table([_line(result) for result in chosen])
    else:
        say("No records.")
    for error in errors:
        say(f"{error.label}: {error}", err=True)
    return SOME_FAILED if errors else 0


def show_result(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Its key, or the first digits of it.")],
    store: StoreOption = DEFAULT_STORE,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record's file.")] = False,
) -> None:
    """Show one record: how it ended, its spec, metrics, timings and provenance.

    \b
    Examples:
      fmnbench results show 3f2a
      fmnbench results show 3f2a --json
    """  # noqa: D301 - \b is typer's mark for lines to be kept
    opened = _opened(store)
    path = opened.find(key)
    result = opened.load(path)
    if as_json:
        typer.echo("\n".join(map(escaped, path.read_text(encoding="utf-8").split("\n"))), nl=False)
    else:
        _print(result)


def _opened(folder: StoreOption) -> Store:
    require_folder(folder, exists=True)
    return Store(folder)


def _fields(result: Result) -> dict[str, object]:
    spec = result.spec
    return {
        "key": spec.key,
        "track": spec.track.name,
        "critic": spec.critic,
        "lambda": spec.lambda_,
        "objective": spec.objective,
        "seed": spec.seed,
        "status": result.status,
        "seconds": round(result.provenance.seconds, 1),
        "error": result.error,
    }


def _line(result: Result) -> dict[str, object]:
    fields = _fields(result)
    names = ("key", "track", "row", "seed", "status", "seconds", "error")
    return {name: fields[name] if name in fields else row_name(result.spec) for name in names}


def _print(result: Result) -> None:
    spec, track = result.spec, result.spec.track
    _section(f"{spec.key}: {track.name}, {row_name(spec)}, seed {spec.seed}: {result.status}", {})
    if result.error:
        say(result.error)
    for attempt in result.history:
        say(f"tried before: {attempt.status}: {attempt.error}")
    _section("track", {name: getattr(track, name) for name in compared(Track) if name != "name"})
    _section(f"critic {spec.critic}", {**spec.critic_settings, "lambda": spec.lambda_})
    _section(f"remedy {spec.objective}", spec.objective_settings)
    _section("metrics", result.metrics)
    if result.broken:
        _section("without a value", result.broken)
    last = {f"after {len(result.curve)} epochs": ""} | dict(*result.curve[-1:])
    _section("last epoch", last)
    _section("seconds", {name: round(value, 3) for name, value in result.timings.items()})
    _section("provenance", vars(result.provenance))


def _section(title: str, values: Mapping[str, object]) -> None:
    say(title, bold=True)
    width = max(map(len, values), default=0)
    for name, value in values.items():
        say(f"  {name:{width}}  {_shown(value)}".rstrip())


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_shown(each)}" for name, each in value.items()) or "none"
    if isinstance(value, tuple):
        return ",".join(map(_shown, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
