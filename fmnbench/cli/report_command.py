"""`fmnbench report`: boards made from the records of a store."""

from pathlib import Path
from typing import Annotated

import typer

from fmnbench.cli.options import (
    DEFAULT_STORE,
    PluginOption,
    StoreOption,
    SuiteOption,
    choice,
    error_rate,
    load_plugins,
    require_folder,
    seeds,
)

PROTOCOLS = ("standard", "as-published")
FORMER = {"report": "as-published"}  # names that an option took before
FORMATS = ("rich", "markdown", "html", "latex", "csv", "json")


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
            parser=choice("--protocol", PROTOCOLS, FORMER),
            help="Whose definitions of the metrics: the field's, or the publication's where "
            "published tables are re-run (default: standard, and both for such tracks).",
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
    power: Annotated[
        bool,
        typer.Option(
            "--power",
            help="Show instead, for each open contrast with the VAE, the seeds that would decide "
            "it and what they cost, the cheapest first (rich, markdown or json).",
        ),
    ] = False,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...",
            help="Only these columns, by the names of metrics, delta.nll and time among them; "
            "'mi' is the bracket, 'all' every column (default: at most eight; all in CSV and "
            "JSON).",
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Order rows by a column, the best first."),
    ] = None,
    alpha: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            parser=error_rate,
            help="How often verdicts, bold cells and conclusions may be wrong (default: 0.05).",
        ),
    ] = None,
    pictures: Annotated[
        bool,
        typer.Option(
            "--pictures",
            help="First draw the figures of each track from its records and, where weights are "
            "kept, what models reconstruct and sample (images, or pages of texts), into the "
            "folder 'figures' beside the store; Markdown and HTML show them.",
        ),
    ] = False,
) -> int:
    """Show the leaderboard, made from the records alone.

    Tables of mean(std) over seeds, one a track.

    \b
    Examples:
      fmnbench report --suite quick
      fmnbench report --track toy-mlp+epochs=2
      fmnbench report --suite asokan --seeds 0-2
      fmnbench report > leaderboards/README.md
      fmnbench report --suite asokan --protocol as-published --compare
      fmnbench report --out table.csv
      fmnbench report --track toy-mlp --columns nll,mi --sort nll --format latex
      fmnbench report --out leaderboards/site/index.html
      fmnbench report --power
      fmnbench report --pictures --out leaderboards/README.md
    """  # noqa: D301 - \b is typer's mark for lines to be kept
    from fmnbench.cli.leaderboard import Request, show  # a help page need not wait for it

    numbers = None if seed_list is None else seeds(seed_list)
    require_folder(store, exists=True)
    load_plugins(plugin)
    return show(
        Request(
            store=store,
            suites=suite or (),
            tracks=track or (),
            seeds=numbers,
            protocol=protocol,
            format=format_,
            out=out,
            compare=compare,
            columns=[name.strip() for name in (columns or "").split(",") if name.strip()],
            sort=sort,
            **({} if alpha is None else {"alpha": alpha}),
            pictures=pictures,
            power=power,
        )
    )
