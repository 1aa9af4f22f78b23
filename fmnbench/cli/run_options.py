"""The options of `fmnbench run`."""

from typing import Annotated, get_args

import typer

from fmnbench.cli.options import choice, device, duration, positive_integer, weight
from fmnbench.spec import Precision, Status

Names = list[str] | None

AllOption = Annotated[bool, typer.Option("--all", help="All tasks of all suites.")]
TrackOption = Annotated[
    Names, typer.Option("--track", metavar="NAME", help="Only this track. Repeatable.")
]
DatasetOption = Annotated[
    Names,
    typer.Option("--dataset", metavar="NAME", help="Only tracks with this dataset. Repeatable."),
]
ArchitectureOption = Annotated[
    Names,
    typer.Option(
        "--architecture", metavar="NAME", help="Only tracks with this architecture. Repeatable."
    ),
]
CriticOption = Annotated[
    Names,
    typer.Option("--critic", metavar="NAME", help="This critic, not the suite's. Repeatable."),
]
RemedyOption = Annotated[
    Names,
    typer.Option("--remedy", metavar="NAME", help="This remedy, not the suite's. Repeatable."),
]
ObjectiveOption = Annotated[
    Names,
    typer.Option("--objective", metavar="NAME", help="Older name of --remedy.", hidden=True),
]
LambdaOption = Annotated[
    list[float] | None,
    typer.Option(
        "--lambda",
        metavar="X",
        parser=weight,
        help="Weight of the critic, not the suite's. Repeatable.",
    ),
]
SeedsOption = Annotated[
    str,
    typer.Option("--seeds", metavar="N|A,B,C", help="How many seeds, or which (0,5,7 or 0-2)."),
]
SetOption = Annotated[
    Names,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a setting: temperature=0.5, critic.temperature=0.5, batch_size=32. "
        "Repeatable.",
    ),
]
EpochsOption = Annotated[
    int | None,
    typer.Option(
        "--epochs",
        metavar="N",
        parser=positive_integer("--epochs"),
        help="Epochs, not the track's.",
    ),
]
PrecisionOption = Annotated[
    str | None,
    typer.Option(
        "--precision",
        metavar="P",
        parser=choice("--precision", get_args(Precision)),
        help=f"{', '.join(get_args(Precision))}; not the track's.",
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option(
        "--device", metavar="D", parser=device, help="cpu, cuda, cuda:1, mps, xpu or auto."
    ),
]
JobsOption = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        metavar="N",
        parser=positive_integer("--jobs"),
        help="Runs at a time, each in a process with its share of the cores "
        "(default: one a core, at most 4; one on a GPU).",
    ),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        "--timeout", metavar="T", parser=duration("--timeout"), help="Limit per run: 90s, 10m, 2h."
    ),
]
RetryOption = Annotated[
    Names,
    typer.Option(
        "--retry",
        metavar="STATUS",
        parser=choice("--retry", get_args(Status)),
        help=f"Run again what ended so: {', '.join(get_args(Status))}. Repeatable.",
    ),
]
FailFastOption = Annotated[
    bool, typer.Option("--fail-fast", help="Start nothing new after a failure.")
]
TunedOption = Annotated[
    bool,
    typer.Option(
        "--tuned",
        help="The rows that `fmnbench tune` has chosen beside this store, and no others.",
    ),
]
YesOption = Annotated[
    bool, typer.Option("--yes", help="Start even what will take more than a day.")
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Print the plan with its cost; run nothing.")
]
MeasureOption = Annotated[
    bool,
    typer.Option(
        "--measure",
        help="With --dry-run: time a few steps of each row whose cost no record of this kind of "
        "device shows.",
    ),
]
