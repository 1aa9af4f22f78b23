"""`fmnbench data`: what data are here, and how the others come."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fmnbench.cli.options import JsonOption, positive_integer
from fmnbench.cli.text import print_definitions
from fmnbench.cli.usage import SOME_FAILED
from fmnbench.cli.verbs import Verbs
from fmnbench.errors import DataError, DataMissing

if TYPE_CHECKING:  # a help page does not wait for what only the verb needs
    from fmnbench.data.cache import Manifest
    from fmnbench.registry.declarations import Entry

data_app = typer.Typer(
    cls=Verbs, rich_markup_mode=None, help="List, fetch, import and check the datasets."
)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Dataset, or text/NAME.")]
SHOWN = 16  # hex digits of a fingerprint


@data_app.command("list")
def list_data(as_json: JsonOption = False) -> None:
    """List datasets: what they are, where they come from, what is here.

    \b
    Examples:
      fmnbench data list
      fmnbench data list --json
    """  # noqa: D301 - \b is typer's mark for lines to be kept
    lines = rows()
    if as_json:
        typer.echo(json.dumps(lines, indent=2, ensure_ascii=False))
    else:
        print_definitions("datasets", {str(line["name"]): _paragraphs(line) for line in lines})


@data_app.command("fetch")
def fetch_data(
    name: NameArgument,
    source: Annotated[
        str | None, typer.Option(metavar="S", help="Only this source (see `data list`).")
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Use what was downloaded before; no network.")
    ] = False,
) -> None:
    """Download a dataset from the first of its sources that has it.

    A broken download goes on where it stopped; what arrives is checked before it is used.

    \b
    Examples:
      fmnbench data fetch omniglot
      fmnbench data fetch yahoo --source mirror
    """  # noqa: D301 - \b is typer's mark for lines to be kept
    from fmnbench.cli.data_display import Display
    from fmnbench.data.acquire import fetch

    with Display() as display:
        account = fetch(name, chosen=source, offline=offline, progress=display.show)
    _print_arrival(account)


@data_app.command("import")
def import_data(
    name: NameArgument,
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH", help="Files or folders, see `data list`.")
    ],
    longest: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            parser=positive_integer("--longest"),
            help="Leave out texts of more than N words.",
        ),
    ] = None,
) -> None:
    """Make a dataset from files that are here already.

    \b
    Examples:
      fmnbench data import omniglot images_background.zip images_evaluation.zip
      fmnbench data import yahoo-10k val.txt test.txt
      fmnbench data import text/news train.txt validation.txt test.txt
    """  # noqa: D301 - \b is typer's mark for lines to be kept
    from fmnbench.data.acquire import import_files

    _print_arrival(import_files(name, paths, longest=longest))


@data_app.command("verify")
def verify_data(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="Dataset, or text/NAME; all that are here if left out."
        ),
    ] = None,
) -> int:
    """Work out fingerprints anew and compare them with those recorded.

    \b
    Examples:
      fmnbench data verify
      fmnbench data verify omniglot
    """  # noqa: D301 - \b is typer's mark for lines to be kept
    from fmnbench.data.acquire import verify
    from fmnbench.data.sources.catalogue import outside

    places = [name] if name else _here()
    if not places:
        typer.echo("No dataset is here that could have changed.")
    failed = 0
    for place in places:
        outside(place)
        try:
            account = verify(place)
        except (DataError, DataMissing) as error:
            failed += 1
            typer.echo(f"{place}: {error}", err=True)
        else:
            typer.echo(f"{place}: as recorded, {account.sha256[:SHOWN]}")
    return SOME_FAILED if failed else 0


@data_app.command("path")
def path_of_data(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Dataset, or text/NAME; the cache if left out."),
    ] = None,
) -> None:
    """Print the folder of a dataset, for `datasets.load_from_disk`, or that of the cache.

    \b
    Examples:
      fmnbench data path
      fmnbench data path omniglot
    """  # noqa: D301 - \b is typer's mark for lines to be kept
    from fmnbench.data.cache import cache_folder, cached_data
    from fmnbench.data.sources.catalogue import outside

    if name is None:
        typer.echo(cache_folder())
        return
    outside(name)
    typer.echo(cached_data(name).folder)


def rows() -> list[dict[str, object]]:
    """Returns what is known of each dataset, and of each text that the user has brought."""
    from fmnbench.data.cache import OWN_TEXTS, own_texts
    from fmnbench.registry import datasets

    lines = []
    for entry in datasets.entries():
        lines.append(_row(entry, entry.name))
        if entry.name == OWN_TEXTS:
            lines += [_row(entry, place) for place in own_texts()]
    return lines


def _row(entry: "Entry", place: str) -> dict[str, object]:
    from fmnbench.data.cache import manifest
    from fmnbench.data.identity import declared
    from fmnbench.data.sources.catalogue import OUTSIDE

    known = OUTSIDE.get(entry.name)
    found = manifest(place) if known else None
    expected = declared(place)
    statistics = found.statistics if found else vars(expected) if expected else {}
    return {
        "name": place,
        "summary": entry.summary,
        "rows": statistics.get("rows"),
        "statistics": {key: value for key, value in statistics.items() if value is not None},
        "source": entry.source,
        "licence": entry.attributes.get("licence", "unknown"),
        "sources": {each.name: each.summary for each in known.sources} if known else {},
        "import": known.takes if known else None,
        "embedded": known is None,
        "here": known is None or found is not None,
        "made_from": found.source if found else None,
        "files": dict(found.files) if found else {},
        "dropped": dict(found.dropped) if found else {},
        "fingerprint": statistics.get("sha256") if known is None or found else None,
        "broken": entry.broken,
    }


def _paragraphs(line: Mapping[str, object]) -> list[str]:
    """Returns what stands beside a dataset's name."""
    sizes, sources = line["rows"], line["sources"]
    parts = [
        " / ".join(f"{size:,}" for size in _ordered(sizes)) + " rows" if sizes else "",
        f"licence {line['licence']}",
        str(line["source"]),
    ]
    origins = (
        ", ".join(f"{name}: {text}" for name, text in sources.items())
        if isinstance(sources, Mapping)
        else ""
    )
    return [
        f"BROKEN: {line['broken']}" if line["broken"] else "",
        _state(line),
        str(line["summary"]),
        " · ".join(part for part in parts if part),
        f"fetch from {origins}" if origins else "",
        f"import {line['import']}" if line["import"] else "",
    ]


def _state(line: Mapping[str, object]) -> str:
    if line["embedded"]:
        return "embedded"
    if not line["here"]:
        return "not here"
    dropped = line["dropped"]
    left_out = [
        f"{count:,} {kind} lines left out"
        for kind, count in (dropped.items() if isinstance(dropped, Mapping) else ())
        if count
    ]
    return ", ".join(
        [f"here, {str(line['fingerprint'])[:SHOWN]}, from {line['made_from']}", *left_out]
    )


def _ordered(sizes: object) -> list[int]:
    from fmnbench.data.cache import SPLITS

    assert isinstance(sizes, Mapping)
    return [sizes[split] for split in SPLITS]


def _print_arrival(account: "Manifest") -> None:
    """Prints what came, from where, and what was left out."""
    sizes = account.statistics["rows"]
    names = ("training", "validation", "test")
    counts = ", ".join(
        f"{size:,} {name}" for size, name in zip(_ordered(sizes), names, strict=True)
    )
    typer.echo(f"{account.place}: {counts} rows from {account.source}")
    for kind, count in account.dropped.items():
        if count:
            typer.echo(f"{count:,} {kind} lines left out")
    typer.echo(f"fingerprint {account.sha256}")


def _here() -> list[str]:
    from fmnbench.data.cache import MANIFEST, dataset_folder, own_texts
    from fmnbench.data.sources.catalogue import OUTSIDE

    return [
        *(place for place in OUTSIDE if (dataset_folder(place) / MANIFEST).is_file()),
        *own_texts(),
    ]
