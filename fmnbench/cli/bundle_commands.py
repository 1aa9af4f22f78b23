"""`fmnbench results export` and `import`: records from one machine to another."""

from pathlib import Path
from typing import Annotated

import typer

from fmnbench.cli.options import DEFAULT_STORE, StoreOption, require_folder
from fmnbench.cli.text import say
from fmnbench.cli.usage import SOME_FAILED
from fmnbench.records.bundle import export_bundle, import_bundle
from fmnbench.records.store import Store

FileArgument = Annotated[Path, typer.Argument(metavar="FILE.zip", help="The bundle.")]


def export_results(
    file: FileArgument,
    track: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this track. Repeatable.")
    ] = None,
    store: StoreOption = DEFAULT_STORE,
) -> int:
    """Write records with their checksums into one zip.

    A file that is there is replaced only if it is such a zip. Corrupt records are left out.

    \b
    Examples:
      fmnbench results export omniglot.zip --track omniglot-cnn
      fmnbench results export all.zip
    """  # noqa: D301 - \b is typer's mark for lines to be kept
    require_folder(store, exists=True)
    count, errors = export_bundle(Store(store), file, track or [])
    say(f"{count} record{' is' if count == 1 else 's are'} in {file}.")
    for error in errors:
        say(f"{error.label}, left out: {error}", err=True)
    return SOME_FAILED if errors else 0


def import_results(file: FileArgument, store: StoreOption = DEFAULT_STORE) -> int:
    """Add the records of a bundle; nothing that is here is overwritten.

    All are checked first: if one is damaged or altered, none is added. A record with other
    numbers than the one here is named and left out; a done one replaces a failed one, and one
    that was measured again the one before.
    Where the record here is corrupt, or its run is under way, the bundle's is named and left out.

    \b
    Examples:
      fmnbench results import omniglot.zip
      fmnbench results import omniglot.zip --store their-results
    """  # noqa: D301 - \b is typer's mark for lines to be kept
    require_folder(store, writable=True)
    arrival = import_bundle(Store(store), file)
    parts = {
        "imported": arrival.imported,
        "in place of failed ones": arrival.replaced,
        "measured again": arrival.measured,
        "here already": arrival.here,
        "here with the same numbers from another run": arrival.repeated,
    }
    counts = [f"{count} {what}" for what, count in parts.items() if count]
    say(f"Records: {', '.join(counts) or 'none added'}.")
    for line in arrival.refused:
        say(f"left out: {line}", err=True)
    return SOME_FAILED if arrival.refused else 0
