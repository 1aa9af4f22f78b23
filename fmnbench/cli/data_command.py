"""`fmnbench data`: which datasets are installed, and how the others are."""

from pathlib import Path
from typing import Annotated

import typer

from fmnbench.cli.data_display import Display
from fmnbench.cli.data_listing import SHOWN, counted_rows, paragraphs, percent, rows
from fmnbench.cli.options import JsonOption, PluginOption, load_plugins, positive_integer
from fmnbench.cli.text import print_definitions, say, say_json
from fmnbench.cli.usage import SOME_FAILED
from fmnbench.cli.verbs import Verbs
from fmnbench.data.acquire import fetch, import_files, verify
from fmnbench.data.cache import Manifest, cache_folder
from fmnbench.data.catalogue import cached_dataset, installed
from fmnbench.errors import DataError, DataMissing

data_app = typer.Typer(
    cls=Verbs, rich_markup_mode=None, help="List, fetch, import and check the datasets."
)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Dataset, or text/NAME.")]
ReplaceOption = Annotated[
    bool, typer.Option("--replace", help="Replace other data that are installed as NAME.")
]


@data_app.command("list")
def list_data(as_json: JsonOption = False, plugin: PluginOption = None) -> None:
    """List datasets: what they are, where they come from, which are installed.

    \b
    Examples:
      fmnbench data list
      fmnbench data list --plugin my_dataset.py
      fmnbench data list --json
    """  # noqa: D301 - \b is typer's mark for lines to be kept
    load_plugins(plugin)
    lines = rows()
    if as_json:
        say_json(lines)
    else:
        print_definitions("datasets", {str(line["name"]): paragraphs(line) for line in lines})


@data_app.command("fetch")
def fetch_data(
    name: NameArgument,
    source: Annotated[
        str | None, typer.Option(metavar="S", help="Only this source (see `data list`).")
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Use earlier downloads only; no network.")
    ] = False,
    replace: ReplaceOption = False,
    plugin: PluginOption = None,
) -> None:
    """Download a dataset from the first of its sources that has it.

    A broken download continues where it stopped; files are checked before they are used.

    \b
    Examples:
      fmnbench data fetch omniglot
      fmnbench data fetch yahoo --source mirror
    """  # noqa: D301 - \b is typer's mark for lines to be kept
    load_plugins(plugin)
    with Display() as display:
        manifest = fetch(
            name, chosen=source, offline=offline, progress=display.show, replace=replace
        )
    _print_installed(manifest)


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
    replace: ReplaceOption = False,
    plugin: PluginOption = None,
) -> None:
    """Install a dataset from local files.

    \b
    Examples:
      fmnbench data import omniglot images_background.zip images_evaluation.zip
      fmnbench data import yahoo-10k val.txt test.txt
      fmnbench data import text/news train.txt validation.txt test.txt
    """  # noqa: D301 - \b is typer's mark for lines to be kept
    load_plugins(plugin)
    _print_installed(import_files(name, paths, longest=longest, replace=replace))


@data_app.command("verify")
def verify_data(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="Dataset, or text/NAME; all installed ones if left out."
        ),
    ] = None,
    plugin: PluginOption = None,
) -> int:
    """Compute fingerprints anew and compare them with the recorded ones.

    \b
    Examples:
      fmnbench data verify
      fmnbench data verify omniglot
    """  # noqa: D301 - \b is typer's mark for lines to be kept
    load_plugins(plugin)
    names = [name] if name else installed()
    if not names:
        say("No dataset is installed.")
    failed = 0
    for each in names:
        try:
            manifest = verify(each)
        except (DataError, DataMissing) as error:
            failed += 1
            say(f"{each}: {error}", err=True)
        else:
            say(f"{each}: as recorded, {manifest.sha256[:SHOWN]}")
    return SOME_FAILED if failed else 0


@data_app.command("path")
def path_of_data(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Dataset, or text/NAME; the cache if left out."),
    ] = None,
    plugin: PluginOption = None,
) -> None:
    """Print the folder of a dataset, for `datasets.load_from_disk`, or that of the cache.

    \b
    Examples:
      fmnbench data path
      fmnbench data path omniglot
    """  # noqa: D301 - \b is typer's mark for lines to be kept
    load_plugins(plugin)
    say(cache_folder() if name is None else cached_dataset(name).data().folder)


def _print_installed(manifest: Manifest) -> None:
    """Prints what was installed, from where, and what was left out."""
    say(f"{manifest.name}: {counted_rows(manifest.statistics)} from {manifest.source}")
    for kind, count in manifest.dropped.items():
        if count:
            say(f"{count:,} {kind} lines left out")
    if manifest.labelled:
        say("labels dropped: every line begins with a number and a tab")
    if manifest.statistics.get("unknown"):
        say(f"words not in the vocabulary: {percent(manifest.statistics)}")
    say(f"fingerprint {manifest.sha256}")
