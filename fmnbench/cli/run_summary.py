"""What `fmnbench run` says before and after: the plan with its cost, and the outcome."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence, Set

import typer

from fmnbench.cli.text import lasting, print_table, row_name, run_name
from fmnbench.planning.costs import Cost, RowKey, row_key
from fmnbench.records.store import Store
from fmnbench.spec import Result, RunSpec

BAD = ("failed", "diverged", "timeout", "out_of_memory")


def print_plan(
    specs: Sequence[RunSpec],
    left: Sequence[RunSpec],
    skipped: Mapping[str, str],
    costs: Mapping[RowKey, Cost],
    jobs: int,
) -> int:
    """Prints what would run, row by row, with the cost of each; returns how many have none.

    `skipped` has the reason of each run whose data are missing, by its key.
    """
    todo = {spec.key for spec in left}
    rows: list[dict[str, object]] = []
    total, unknown, rough = 0.0, 0, False
    for runs in _by_row(specs):
        here = sum(spec.key in todo for spec in runs)
        without_data = sum(spec.key in skipped for spec in runs)
        cost = costs.get(row_key(runs[0]))
        if cost is None:
            unknown += here
        else:
            total += cost.run * here
            rough |= cost.rough
        rows.append(
            {
                "track": runs[0].track.name,
                "row": row_name(runs[0]),
                "seeds": _numbers([spec.seed for spec in runs]),
                "in store": len(runs) - here - without_data,
                "to run": here,
                "s per run": "not known yet" if cost is None else _seconds(cost.run, cost),
                "of it NLL": None if cost is None else _seconds(cost.nll, cost),
            }
        )
    print_table(rows)
    stored = len(specs) - len(left) - len(skipped)
    typer.echo(f"{len(left)} runs to do, {stored} in the store.")
    _print_skipped(skipped)
    if total:
        rest = f", and {unknown} runs of unknown cost" if unknown else ""
        typer.echo(f"About {lasting(total / jobs)} with --jobs {jobs}{rest}.")
    if rough:
        typer.echo("≈ is told from other rows of the track, or from a few steps.")
    return unknown


def _seconds(seconds: float, cost: Cost) -> str:
    """Returns seconds as a text; rough ones with two digits."""
    return f"≈ {float(f'{seconds:.2g}'):g}" if cost.rough else f"{seconds:.1f}"


def print_outcome(
    specs: Sequence[RunSpec],
    results: Sequence[Result | None],
    stored: Set[str],
    skipped: Mapping[str, str],
    store: Store,
) -> int:
    """Prints a line a row and what failed or was skipped; returns how many runs ended badly."""
    endings = {result.spec.key: result for result in results if result is not None}
    rows = []
    for runs in _by_row(specs):
        found = [endings[spec.key] for spec in runs if spec.key in endings]
        others: Counter[str] = Counter(each.status for each in found if each.status != "done")
        without_data = sum(spec.key in skipped.keys() - endings.keys() for spec in runs)
        others["skipped"] += without_data
        others["not finished"] = len(runs) - len(found) - without_data
        times = [each.provenance.seconds for each in found if each.status == "done"]
        rows.append(
            {
                "track": runs[0].track.name,
                "row": row_name(runs[0]),
                "done": f"{len(times)} of {len(runs)}",
                "from store": sum(spec.key in stored for spec in runs),
                "s per run": f"{statistics.mean(times):.1f}" if times else "",
                "other endings": ", ".join(f"{n} {status}" for status, n in others.items() if n),
            }
        )
    print_table(rows)
    for result in endings.values():
        if result.status != "done":
            typer.echo(_ending(result))
    _print_skipped(skipped)
    done = sum(result.status == "done" for result in endings.values())
    typer.echo(f"{done} of {len(specs)} runs done; their records are in {store.folder}.")
    return sum(result.status in BAD for result in endings.values())


def _print_skipped(skipped: Mapping[str, str]) -> None:
    """Prints a line for each reason that runs are skipped for."""
    for reason, runs in Counter(skipped.values()).items():
        typer.echo(f"{runs} run{'s' * (runs > 1)} skipped: {reason}")


def _ending(result: Result) -> str:
    return f"{run_name(result.spec)}: {result.status}: {' '.join((result.error or '').split())}"


def _numbers(seeds: Sequence[int]) -> str:
    """Returns seeds as a list, or as a range where they are one: 0-9."""
    first, last = seeds[0], seeds[-1]
    if len(seeds) > 2 and list(seeds) == list(range(first, last + 1)):
        return f"{first}-{last}"
    return ",".join(map(str, seeds))


def _by_row(specs: Sequence[RunSpec]) -> list[list[RunSpec]]:
    rows: dict[RowKey, list[RunSpec]] = {}
    for spec in specs:
        rows.setdefault(row_key(spec), []).append(spec)
    return list(rows.values())
