"""The options of `fmnbench tune` that no other verb has."""

from typing import Annotated

import typer

from fmnbench.cli.options import duration, positive_integer

TRIALS, SEEDS = 20, 1

ShownArgument = Annotated[
    str | None, typer.Argument(metavar="[TRACK]", help="With --show: only this track.")
]
CriticOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="The critic whose λ is tuned.")
]
RemedyOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="This remedy, not the suite's.")
]
ObjectiveOption = Annotated[str | None, typer.Option(metavar="NAME", hidden=True)]
TrialsOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        parser=positive_integer("--trials"),
        help=f"Settings to try, in all (default: {TRIALS}).",
    ),
]
SeedsOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        parser=positive_integer("--seeds"),
        help=f"Seeds of each trial; they are no reported ones (default: {SEEDS}).",
    ),
]
SpaceOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=log:LOW:HIGH",
        help="Range of lambda or of a setting, also KEY=linear:LOW:HIGH; else as declared "
        "(`list critics`). Repeatable.",
    ),
]
GoalOption = Annotated[
    str, typer.Option(metavar="G", help='front, nll or "mi s.t. nll <= vae + X" (nats).')
]
TimeOption = Annotated[
    float | None,
    typer.Option(
        "--time",
        metavar="T",
        parser=duration("--time"),
        help="Start nothing that would end later than in 30m, 2h, ...",
    ),
]
StorageOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Database for optuna-dashboard (default: SQLite, tuning/optuna.db).",
    ),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Print the studies with their cost; run nothing.")
]
ShowOption = Annotated[
    bool, typer.Option("--show", help="Show the studies that were carried out; run nothing.")
]
