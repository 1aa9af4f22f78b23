"""The options of `fmnbench report`."""

from pathlib import Path
from typing import Annotated

import typer

from fmnbench.cli.options import choice, error_rate

PROTOCOLS = ("standard", "as-published")
FORMER = {"report": "as-published"}  # names that an option took before
FORMATS = ("rich", "markdown", "html", "latex", "csv", "json")

TrackOption = Annotated[
    list[str] | None,
    typer.Option(
        "--track",
        metavar="NAME",
        help="Only the table of this track, such as toy-mlp+epochs=2. Repeatable.",
    ),
]
SeedsOption = Annotated[
    str | None,
    typer.Option(
        "--seeds",
        metavar="N|A,B,C",
        help="Only these seeds (3; 0,5,7; 0-2); a row that lacks one is a hole (default: the "
        "seeds that all rows of a table share).",
    ),
]
ProtocolOption = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(PROTOCOLS),
        parser=choice("--protocol", PROTOCOLS, FORMER),
        help="Whose definitions of the metrics: the field's, or the publication's where "
        "published tables are re-run (default: standard, and both for such tracks).",
    ),
]
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="|".join(FORMATS),
        parser=choice("--format", FORMATS),
        help="(default: rich on a terminal, markdown in a pipe, by its suffix in a file)",
    ),
]
OutOption = Annotated[
    Path | None, typer.Option(metavar="PATH", help="Write to a file instead of the screen.")
]
CompareOption = Annotated[
    bool, typer.Option("--compare", help="Show published values beside ours.")
]
PowerOption = Annotated[
    bool,
    typer.Option(
        "--power",
        help="Show instead, for each open contrast with the VAE, the seeds that would decide "
        "it and what they cost, the cheapest first (rich, markdown or json).",
    ),
]
ColumnsOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME,...",
        help="Only these columns, by the names of metrics, delta.nll and time among them; "
        "'mi' is the bracket, 'all' every column (default: at most eight; all in CSV and "
        "JSON).",
    ),
]
SortOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Order rows by a column, the best first."),
]
AlphaOption = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        parser=error_rate,
        help="How often verdicts, bold cells and conclusions may be wrong (default: 0.05).",
    ),
]
PicturesOption = Annotated[
    bool,
    typer.Option(
        "--pictures",
        help="First draw the figures of each track from its records and, where weights are "
        "kept, what models reconstruct and sample (images, or pages of texts), into the "
        "folder 'figures' beside the store; Markdown and HTML show them.",
    ),
]
