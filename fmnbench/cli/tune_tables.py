"""What `fmnbench tune` prints: the front with its chosen row, and the plan of a dry run."""

import datetime
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from fmnbench.board.labels import value
from fmnbench.cli.text import counted, lasting, print_table
from fmnbench.planning.costs import recorded_costs, row_key
from fmnbench.records.store import Store
from fmnbench.runs.executors.base import RunOptions
from fmnbench.tune.definition import Definition, track_folder
from fmnbench.tune.search import Study, known_results, study_of
from fmnbench.tune.space import LAMBDA
from fmnbench.tune.summary import edges
from fmnbench.tune.trials import MI, NLL, Trial

WIDTH = 120  # columns of a table where its output goes to no terminal


def print_study(study: Study, suite: Path | None) -> None:
    """Prints the front of a study, its choice with the reason, and the next command.

    `suite` is the file of the choice, if there is one.
    """
    asked, choice = study.definition, study.choice
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    console.print(_table(study))
    typer.echo(_made(study))
    if choice.trial is None:
        typer.echo(f"Nothing is chosen: {choice.reason}.")
    else:
        typer.echo(f"Chosen: {_named(choice.trial)}: {choice.reason}.")
        if choice.alone:
            picks = [_numbers(each) if each else "none" for each in choice.alone.values()]
            typer.echo(f"Choice noise: each seed alone would have chosen {', '.join(picks)}.")
        else:
            typer.echo("Choice noise: not known with one seed; --seeds 3 shows it.")
        for line in edges(study):
            typer.echo(f"Warning: {line}")
    for line in study.problems:
        typer.echo(f"{asked.name}: {line}", err=True)
    if suite is not None:
        typer.echo(f"Next: fmnbench run --suite {suite} --seeds 3")


def print_plan(studies: Sequence[Definition], options: RunOptions) -> None:
    """Prints what would be run, study by study, with the cost as far as records tell it."""
    rows: list[dict[str, object]] = []
    total, unknown = 0.0, 0
    for asked in studies:
        store = Store(track_folder(options.store, asked.task.track.name) / "records")
        found = study_of(asked, known_results(asked, store))
        seeds = len(asked.seeds)
        runs = (found.left + (found.baseline is None)) * seeds
        costs = recorded_costs(asked.baseline, store, options.device)
        costs = costs or recorded_costs(asked.baseline, Store(options.store), options.device)
        cost = costs.get(row_key(asked.baseline[0]))
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
        typer.echo(
            f"About {lasting(total)} with --jobs {options.jobs} on {options.device}{rest}; done "
            f"by {end:%Y-%m-%d %H:%M}."
        )
    else:
        typer.echo(f"The cost of {counted(unknown, 'run')} is not known yet.")


def _table(study: Study) -> Table:
    asked, shown = study.definition, study.front
    chosen = study.choice.trial
    if chosen is not None and chosen not in shown:
        shown = [*shown, chosen]
    ceiling = [trial.means["mi_ceiling"] for trial in shown if "mi_ceiling" in trial.means]
    most = f" (≤ {ceiling[0]:.2f})" if ceiling else ""
    table = Table(title=f"{asked.name}: the front on the validation split", title_justify="left")
    table.add_column("")
    for each in asked.space:
        table.add_column("λ" if each.key == LAMBDA else each.key, justify="right")
    for name in ("NLL", "− VAE", f"MI lower{most}", "AU"):
        table.add_column(name, justify="right")
    table.add_column("flags")
    empty = [""] * len(asked.space)
    if study.baseline is not None:
        table.add_row("VAE", *empty, *_cells(study.baseline, study))
    for trial in shown:
        values = [value(each) for each in trial.values.values()]
        is_chosen = trial is chosen
        cells = ["chosen" if is_chosen else "", *values, *_cells(trial, study)]
        table.add_row(*cells, style="bold" if is_chosen else "")
    return table


def _cells(trial: Trial, study: Study) -> list[str]:
    if not trial.is_done:
        return ["", "", "", "", trial.status.replace("_", " ")]
    spread = trial.spread(NLL)
    base = study.baseline
    plain = base.means[NLL] if base is not None and base.is_done else None
    return [
        f"{trial.means[NLL]:.2f}" + ("" if spread is None else f" ± {spread:.2f}"),
        "" if plain is None or trial is base else f"{trial.means[NLL] - plain:+.2f}",
        f"{trial.means[MI]:.3f}",
        f"{trial.means['au']:g}" if "au" in trial.means else "",
        ", ".join(trial.flags),
    ]


def _made(study: Study) -> str:
    """Returns a line on what a study rests on."""
    asked = study.definition
    ends = [trial.status for trial in study.trials if trial.status != "done"]
    bad = f", {len(ends)} of them not done ({', '.join(sorted(set(ends)))})" if ends else ""
    wanted = f" of {asked.trials}" if study.left else ""
    return (
        f"{counted(len(study.trials), 'trial')}{wanted} of {asked.method}{bad} and 1 of the plain "
        f"VAE, {counted(len(asked.seeds), 'seed')} each; NLL with K = "
        f"{asked.task.track.nll_samples}; goal {asked.goal}, margin {study.choice.margin:g} nats."
    )


def _named(trial: Trial) -> str:
    return ", ".join(
        f"{'λ' if key == LAMBDA else key} = {value(each)}" for key, each in trial.values.items()
    )


def _numbers(values: object) -> str:
    assert isinstance(values, dict)
    return "/".join(value(each) for each in values.values())
