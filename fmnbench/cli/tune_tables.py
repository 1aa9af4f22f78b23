"""What `fmnbench tune` prints: the front with its chosen row, and the plan of a dry run."""

import datetime
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fmnbench.board.labels import value
from fmnbench.cli.text import counted, lasting, print_table, say
from fmnbench.errors import Declined, Diverged
from fmnbench.planning.costs import Cost, recorded_costs, row_key
from fmnbench.printable import printable
from fmnbench.records.store import Store
from fmnbench.runs.executors.base import RunOptions, load_executor
from fmnbench.runs.survey import TRIAL
from fmnbench.tune.definition import Definition
from fmnbench.tune.places import RECORDS, track_folder
from fmnbench.tune.search import known_results, study_of
from fmnbench.tune.space import LAMBDA, Number
from fmnbench.tune.summary import Summary, TrialRow

WIDTH = 120  # columns of a table where its output goes to no terminal


def print_study(study: Summary) -> None:
    """Prints the front of a study, its choice with the reason, and the next command."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    if study.vae is not None:
        console.print(_table(study))
    say(_made(study))
    if study.choice is None:
        say(f"Nothing is chosen: {study.reason}.")
    else:
        say(f"Chosen: {named(study.choice.values)}: {study.reason}.")
        if study.alone:
            picks = [named(each) if each else "nothing" for each in study.alone.values()]
            say(f"Choice noise: each seed alone would have chosen {'; '.join(picks)}.")
        else:
            say("Choice noise: not known with one seed; --seeds 3 shows it.")
    for line in study.warnings:
        say(f"Warning: {line}")
    for line in study.problems:
        say(f"{study.method} on {study.track}: {line}", err=True)
    if study.suite is not None:
        say(f"Next: fmnbench run --suite {study.suite} --seeds 3")


def print_plan(studies: Sequence[Definition], options: RunOptions, *, measure: bool) -> None:
    """Prints what would be run, study by study, with the cost as far as records tell it.

    With `measure` a few steps of the plain VAE tell it where no record does.
    """
    rows: list[dict[str, object]] = []
    total, unknown = 0.0, 0
    for asked in studies:
        store = Store(track_folder(options.store, asked.task.track.name) / RECORDS)
        found = study_of(asked, known_results(asked, store))
        seeds = len(asked.seeds)
        runs = (found.left + (found.baseline is None)) * seeds
        cost = _cost(asked, store, options, measure=measure and runs > 0)
        total += 0.0 if cost is None else cost.run * runs / max(options.jobs, 1)
        unknown += runs if cost is None else 0
        rows.append(
            {
                "study": asked.name,
                "searched": ", ".join(f"{each.key} {each.span}" for each in asked.space),
                "trials": asked.trials,
                "seeds": seeds,
                "done": len(found.trials),
                "runs to do": runs,
                "per run": "not known yet" if cost is None else f"≈ {lasting(cost.run)}",
            }
        )
    print_table(rows)
    rest = f", and {counted(unknown, 'run')} of unknown cost" if unknown else ""
    if total:
        end = datetime.datetime.now().astimezone() + datetime.timedelta(seconds=total)
        say(
            f"About {lasting(total)} with --jobs {options.jobs} on {options.device}{rest}; done "
            f"by {end:%Y-%m-%d %H:%M}."
        )
    elif unknown:
        say(f"The cost of {counted(unknown, 'run')} is not known yet.")
    if unknown and not measure:
        say("Add --measure to time a few steps of the studies of unknown cost.")


def _cost(asked: Definition, store: Store, options: RunOptions, *, measure: bool) -> Cost | None:
    """Returns the cost of a run of a study, None where it is not known."""
    plain = asked.baseline[0]
    for folder in (store, Store(options.store)):
        if costs := recorded_costs([plain], folder, options.device):
            return costs[row_key(plain)]
    if not measure:
        return None
    say(f"timing {asked.task.track.name}", err=True)
    try:
        return load_executor(options.executor).trial(plain, options, TRIAL)
    except (Declined, Diverged) as reason:
        say(f"{asked.name}: {reason}", err=True)
        return None


def named(values: Mapping[str, Number]) -> str:
    """Returns searched values for people: λ = 3.16, critic.temperature = 0.5."""
    return ", ".join(
        f"{'λ' if key == LAMBDA else key} = {value(each)}" for key, each in values.items()
    )


def _table(study: Summary) -> Table:
    shown = sorted({*study.front, *([] if study.chosen is None else [study.chosen])})
    rows = sorted((study.trials[place] for place in shown), key=lambda row: row.metrics["nll"])
    ceilings = [row.metrics["mi_ceiling"] for row in rows if "mi_ceiling" in row.metrics]
    most = f" (≤ {ceilings[0]:.2f})" if ceilings else ""
    title = f"{study.method} on {study.track}: the front on the validation split"
    table = Table(title=_text(title), title_justify="left")
    table.add_column("")
    for key in study.space:
        table.add_column("λ" if key == LAMBDA else _text(key), justify="right")
    for name in ("NLL", "− VAE", f"MI lower{most}", "AU"):
        table.add_column(name, justify="right")
    table.add_column("flags")
    if study.vae is not None:
        table.add_row("VAE", *[""] * len(study.space), *_cells(study.vae, difference=False))
    for row in rows:
        is_chosen = row is study.choice
        cells = ["chosen" if is_chosen else "", *map(value, row.values.values())]
        table.add_row(*cells, *_cells(row), style="bold" if is_chosen else "")
    return table


def _cells(row: TrialRow, *, difference: bool = True) -> list[str | Text]:
    metrics = row.metrics
    if "nll" not in metrics:
        return ["", "", "", "", _text(row.status.replace("_", " "))]
    shows_difference = difference and row.against_vae is not None
    return [
        f"{metrics['nll']:.2f}" + ("" if row.nll_std is None else f" ± {row.nll_std:.2f}"),
        f"{row.against_vae:+.2f}" if shows_difference else "",
        f"{metrics['mi_lower']:.3f}",
        f"{metrics['au']:.3g}" if "au" in metrics else "",
        _text(", ".join(row.flags)),
    ]


def _text(text: str) -> Text:
    """Returns a cell without markup in which nothing can steer a terminal."""
    return Text(printable(text))


def _made(study: Summary) -> str:
    """Returns a line on what a study rests on."""
    ends = [row.status for row in study.trials if row.status != "done"]
    bad = f", {len(ends)} of them not done ({', '.join(sorted(set(ends)))})" if ends else ""
    wanted = f" of {study.wanted}" if len(study.trials) < study.wanted else ""
    done = f"{counted(len(study.trials), 'trial')}{wanted} of {study.method}{bad}"
    if study.vae is None:
        return f"{done} on {study.track}."
    margin = "" if study.goal == "nll" else f", margin {study.margin:g} nats"
    return (
        f"{done} and 1 of the plain VAE, {counted(len(study.seeds), 'seed')} each; NLL with K = "
        f"{study.nll_samples}; goal {study.goal}{margin}."
    )
