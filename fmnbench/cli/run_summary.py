"""What `fmnbench run` says before and after: the plan with its cost, and the outcome."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence, Set

import typer

from fmnbench.cli.text import print_table, row_name
from fmnbench.spec import Result, RunSpec
from fmnbench.store import Store

BAD = ("failed", "diverged", "timeout", "out_of_memory")


def print_plan(
    specs: Sequence[RunSpec],
    left: Sequence[RunSpec],
    skipped: Mapping[str, str],
    store: Store,
    jobs: int,
) -> None:
    """Prints what would run, row by row, with the cost that records of like runs show.

    `skipped` has the reason of each run whose data are missing, by its key.
    """
    seconds = _measured_seconds(specs, store)
    todo = {spec.key for spec in left}
    rows: list[dict[str, object]] = []
    total, unknown = 0.0, 0
    for runs in _by_row(specs):
        here = sum(spec.key in todo for spec in runs)
        without_data = sum(spec.key in skipped for spec in runs)
        cost = seconds.get(_row_key(runs[0]))
        total += (cost or 0.0) * here
        unknown += 0 if cost else here
        rows.append(
            {
                "track": runs[0].track.name,
                "row": row_name(runs[0]),
                "seeds": _numbers([spec.seed for spec in runs]),
                "in store": len(runs) - here - without_data,
                "to run": here,
                "s per run": f"{cost:.1f}" if cost else "not known yet",
            }
        )
    print_table(rows)
    stored = len(specs) - len(left) - len(skipped)
    typer.echo(f"{len(left)} runs to do, {stored} in the store.")
    _print_skipped(skipped)
    if total:
        rest = f", and {unknown} runs of unknown cost" if unknown else ""
        typer.echo(f"About {total / jobs:.0f} s with --jobs {jobs}{rest}.")


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
    spec = result.spec
    name = f"{spec.track.name} {row_name(spec)} seed {spec.seed}"
    return f"{name}: {result.status}: {' '.join((result.error or '').split())}"


def _numbers(seeds: Sequence[int]) -> str:
    """Returns seeds as a list, or as a range where they are one: 0-9."""
    first, last = seeds[0], seeds[-1]
    if len(seeds) > 2 and list(seeds) == list(range(first, last + 1)):
        return f"{first}-{last}"
    return ",".join(map(str, seeds))


def _by_row(specs: Sequence[RunSpec]) -> list[list[RunSpec]]:
    rows: dict[tuple[str, str], list[RunSpec]] = {}
    for spec in specs:
        rows.setdefault(_row_key(spec), []).append(spec)
    return list(rows.values())


def _row_key(spec: RunSpec) -> tuple[str, str]:
    return spec.track.name, spec.task.row


def _measured_seconds(specs: Sequence[RunSpec], store: Store) -> dict[tuple[str, str], float]:
    """Returns the median seconds of a row's finished runs in the store."""
    results, _ = store.results({spec.track.name for spec in specs})
    times: dict[tuple[str, str], list[float]] = {}
    for result in results:
        if result.status == "done":
            times.setdefault(_row_key(result.spec), []).append(result.provenance.seconds)
    return {row: statistics.median(values) for row, values in times.items()}
