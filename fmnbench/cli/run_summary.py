"""What `fmnbench run` prints before and after: the plan with its cost, and the outcome."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from fmnbench.cli.text import counted, lasting, print_table, row_name, run_name, say
from fmnbench.planning.costs import Cost, row_key
from fmnbench.runs.campaign import Outcome
from fmnbench.runs.survey import Lack, Survey, by_row
from fmnbench.spec import Result


def print_plan(found: Survey) -> None:
    """Prints what would run, row by row, with the cost of each run."""
    todo = {spec.key for spec in found.left}
    rows: list[dict[str, object]] = []
    used: list[Cost] = []
    for runs in by_row(found.specs):
        here = sum(spec.key in todo for spec in runs)
        cost = found.costs.get(row_key(runs[0]))
        used += [cost] if cost is not None else []
        rows.append(
            {
                "track": runs[0].track.name,
                "row": row_name(runs[0]),
                "seeds": _numbers([spec.seed for spec in runs]),
                "in store": sum(spec.key in found.stored for spec in runs),
                "skipped": sum(spec.key in found.skipped for spec in runs),
                "to run": here,
                "per run": "not known yet" if cost is None else _lasting(cost.run, cost),
                "of it NLL": None if cost is None else _lasting(cost.nll, cost),
            }
        )
    print_table(rows)
    skipped = f", {len(found.skipped)} skipped" if found.skipped else ""
    stored = f"{len(found.stored)} in the store"
    say(f"{counted(len(found.left), 'run')} to do, {stored}{skipped}.")
    _print_skipped(found.skipped)
    again = {spec.key: found.lacks[spec.key].metrics for spec in found.again}
    _print_measured(again, "to be measured again")
    _print_lacks({key: lack for key, lack in found.lacks.items() if key not in again})
    if found.seconds:
        say(ahead(found))
    if devices := sorted({cost.device for cost in used} - {""}):
        say(f"Measured on {found.options.device.partition(':')[0]}: {', '.join(devices)}.")
    if any(cost.rough for cost in used):
        say("≈ is the time of other rows of the track, or of a few steps on this machine.")


def ahead(found: Survey) -> str:
    """Returns a line on the time that the runs left will take, and on what."""
    unknown = found.runs_of_unknown_cost
    place = f"with --jobs {found.options.jobs} on {found.options.device}"
    if not found.seconds:
        return f"{counted(len(found.left), 'run')} to do {place}; their cost is not known yet."
    rest = f", and {counted(unknown, 'run')} of unknown cost" if unknown else ""
    return f"About {lasting(found.seconds)} {place}{rest}."


def _lasting(seconds: float, cost: Cost) -> str:
    return f"≈ {lasting(seconds)}" if cost.rough else lasting(seconds)


def print_outcome(outcome: Outcome) -> None:
    """Prints a line for each row, then what failed, was skipped or is left."""
    rows = []
    for runs in by_row(outcome.specs):
        found = [each for spec in runs if (each := outcome.results.get(spec.key)) is not None]
        others: Counter[str] = Counter(each.status for each in found if each.status != "done")
        others["newer record"] = sum(spec.key in outcome.newer for spec in runs)
        others["not finished"] = sum(spec in outcome.left for spec in runs)
        times = [each.provenance.seconds for each in found if each.status == "done"]
        rows.append(
            {
                "track": runs[0].track.name,
                "row": row_name(runs[0]),
                "done": f"{len(times)} of {len(runs)}",
                "from store": sum(spec.key in outcome.stored for spec in runs),
                "skipped": sum(spec.key in outcome.skipped for spec in runs),
                "per run": lasting(statistics.mean(times)) if times else "",
                "other endings": ", ".join(f"{n} {status}" for status, n in others.items() if n),
            }
        )
    print_table(rows)
    for result in outcome.results.values():
        if result.status != "done":
            say(_ending(result))
    if not outcome.interrupted:
        for spec in outcome.left:
            say(f"{run_name(spec)}: it left no record")
    _print_skipped(outcome.skipped)
    _print_measured(outcome.measured, "measured again")
    _print_lacks(outcome.lacks)
    say(
        f"{len(outcome.done)} of {counted(len(outcome.specs), 'run')} done; "
        f"their records are in {_shown(outcome.store)}."
    )


def _print_skipped(skipped: Mapping[str, str]) -> None:
    """Prints a line for each reason that runs are skipped for."""
    for reason, runs in Counter(skipped.values()).items():
        say(f"{counted(runs, 'run')} skipped: {reason}")


def _print_measured(measured: Mapping[str, tuple[str, ...]], done: str) -> None:
    """Prints a line for each set of metrics that stored records get."""
    for names, records in Counter(measured.values()).items():
        say(f"{counted(records, 'record')} {done}: {', '.join(names)}")


def _print_lacks(lacks: Mapping[str, Lack]) -> None:
    """Prints a line for each set of metrics that records lack, and for each reason."""
    for lack, records in Counter(lacks.values()).items():
        verb = "lacks" if records == 1 else "lack"
        names = ", ".join(lack.metrics)
        say(f"{counted(records, 'record')} {verb} the present {names}: {lack.why}")


def _shown(path: Path) -> Path:
    """Returns a path as seen from the working directory, if it is below that."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _ending(result: Result) -> str:
    return f"{run_name(result.spec)}: {result.status}: {' '.join((result.error or '').split())}"


def _numbers(seeds: Sequence[int]) -> str:
    """Returns seeds as a list, or as a range where they are one: 0-9."""
    first, last = seeds[0], seeds[-1]
    if len(seeds) > 2 and list(seeds) == list(range(first, last + 1)):
        return f"{first}-{last}"
    return ",".join(map(str, seeds))
