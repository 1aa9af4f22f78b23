"""What the runs of a plan will cost: what records tell, and trials of the rest."""

from collections.abc import Mapping, Sequence

import typer

from fmnbench.cli.text import row_name
from fmnbench.errors import Declined, Diverged
from fmnbench.planning.costs import Cost, RowKey, recorded_costs, row_key
from fmnbench.records.store import Store
from fmnbench.runs.executors.base import Options
from fmnbench.spec import RunSpec


def costs_of(
    specs: Sequence[RunSpec],
    left: Sequence[RunSpec],
    store: Store,
    options: Options,
    *,
    measure: bool,
) -> Mapping[RowKey, Cost]:
    """Returns what records tell of the cost of rows; with `measure`, also what a trial tells.

    A row that does not fit its data, or diverges at once, has no cost.
    """
    costs = dict(recorded_costs(specs, store))
    unknown: dict[RowKey, RunSpec] = {}
    for spec in left:
        if (row := row_key(spec)) not in costs:
            unknown.setdefault(row, spec)
    if not (measure and unknown):
        return costs
    from fmnbench.runs.estimate import estimate  # imports torch
    from fmnbench.runs.executors.local import threads

    for number, (row, spec) in enumerate(unknown.items(), 1):
        name = f"{spec.track.name} {row_name(spec)}"
        typer.echo(f"timing {number} of {len(unknown)}: {name}", err=True)
        try:
            costs[row] = estimate(spec, device=options.device, threads=threads(options.jobs))
        except (Declined, Diverged) as reason:
            typer.echo(f"{name}: {reason}", err=True)
    return costs
