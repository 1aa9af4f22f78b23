"""From results to boards."""

import dataclasses
import math
import statistics
from collections.abc import Collection, Mapping, Sequence

from fmnbench.board.base import TIME, Board, Cell, Column, Notes, Protocol, Reference, Row
from fmnbench.board.columns import CEILINGS, columns
from fmnbench.board.comparison import beside, with_published
from fmnbench.board.flags import (
    ceiling_flag,
    definition_flag,
    ignores_z,
    is_mixed,
    is_ranked,
    no_baseline,
    row_flags,
    seed_list,
)
from fmnbench.board.labels import labels
from fmnbench.board.latent_free import with_references
from fmnbench.board.limits import within_limits
from fmnbench.board.published import Published
from fmnbench.board.ranking import ranking
from fmnbench.board.relations import Relations, changed_settings
from fmnbench.board.rows import Line, Sheet, sheets
from fmnbench.board.seeds import Seeds, on_seeds, seeds_of
from fmnbench.board.statistics import interval, mean, std
from fmnbench.board.times import time_cell
from fmnbench.board.tuned import with_tuned
from fmnbench.board.verdicts import ERROR, MARGINS, MARGINS_OF_TEXTS, Rule
from fmnbench.records.definitions import Definitions
from fmnbench.spec import Result, Task

TARGETS = ("density", "coverage")  # should have the value of real data, not the largest one
REFERENCES = {  # label -> metrics of the table whose reference it is
    "latent-free reference": ("nll",),
    "real against real": TARGETS,
}
PREFIX = "reference."  # of a reference's metric in a record
STALE = (
    "it comes from older data, older versions or another device; it is compared with no other row"
)
LONGEST = 160  # characters of an error that a footnote shows


def boards(  # noqa: PLR0913 - one parameter a choice of the reader
    results: Sequence[Result],
    protocol: Protocol = "standard",
    expected: Mapping[str, Sequence[Task]] | None = None,
    published: Sequence[Published] = (),
    relations: Relations | None = None,
    seeds: Collection[int] | None = None,
    *,
    error: float = ERROR,
) -> list[Board]:
    """Returns one board per track of the results and of the expected tasks.

    `expected` lists a suite's tasks by track name: those without a record are rows of holes, and
    the order is theirs. With `published` values the rows have them beside ours. `relations` say
    which track is the latent-free reference in the table of another. Every table has the given
    `seeds`, and a row that lacks one is a hole; without them a table has the seeds that all of
    its rows share, or all seeds if there are none. `error` is that of verdicts and bold cells.
    """
    relations = relations or Relations()
    results = list(map(within_limits, results))
    found = sheets(results, with_published(results, expected, published))
    here = Definitions.here()
    made = [
        _board(
            sheet,
            free,
            protocol,
            seeds_of(sheet, seeds),
            here,
            Rule(
                margins=relations.margins.get(changed_settings(sheet.track.name)[0], {}),
                error=error,
            ),
        )
        for sheet, free in with_references(found, relations)
    ]
    compared = [
        dataclasses.replace(board, rows=tuple(beside(board.rows, published, protocol)))
        for board in made
    ]
    return [
        dataclasses.replace(
            with_tuned(board, relations.tuned),
            superseded=relations.superseded.get(changed_settings(board.track.name)[0]),
        )
        for board in compared
    ]


def _board(
    sheet: Sheet,
    free: Reference | None,
    protocol: Protocol,
    seeds: Seeds,
    definitions: Definitions,
    rule: Rule,
) -> Board:
    sheet = on_seeds(sheet, seeds.shown)
    done = _done(sheet.current)
    references = _means(done, [PREFIX + name for name in sum(REFERENCES.values(), ())])
    targets = {name: references[PREFIX + name] for name in TARGETS if PREFIX + name in references}
    table = _Table(
        columns=columns(protocol, [*done, *_done(sheet.lines)], targets),
        seeds=seeds.shown,
        protocol=protocol,
        ceilings=_means(done, sorted(set(CEILINGS.values()))),
        references=references,
        latent_free=free,
        plain=_plain(sheet, seeds.shown),
        definitions=definitions,
        several=definitions.several(done),
    )
    notes = Notes()
    rows = [
        _row(line, label, table, notes)
        for line, label in zip(sheet.lines, labels(sheet.lines), strict=True)
    ]
    if protocol == "standard" and (reason := no_baseline(rows)):
        notes.add(reason)
    texts = any(column.metric == "ppl" for column in table.columns)
    margins = {**(MARGINS_OF_TEXTS if texts else MARGINS), **rule.margins}
    rule = dataclasses.replace(rule, margins=margins)
    found = ranking(rows, sheet.lines, table.columns, table.ceilings, rule)
    return Board(
        title=sheet.title,
        track=sheet.track,
        protocol=protocol,
        seeds=seeds.shown,
        left_out=seeds.left_out,
        columns=found.columns,
        rows=tuple(found.rows),
        references=_references(done, table) if protocol == "standard" else (),
        ceilings=table.ceilings,
        notes=notes.texts,
        undecided=found.undecided,
        saturated=found.saturated,
        margins=margins,
        error=rule.error,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Table:
    """What all rows of one table share; `plain` are the plain VAE's results, if all are done."""

    columns: tuple[Column, ...]
    seeds: tuple[int, ...]
    protocol: Protocol
    ceilings: Mapping[str, float]
    references: Mapping[str, float]
    latent_free: Reference | None
    plain: Mapping[int, Result]
    definitions: Definitions
    several: frozenset[str]  # metrics of several definitions


def _row(line: Line, label: str, table: _Table, notes: Notes) -> Row:
    hole = _hole(line, table.seeds)
    constant = table.references.get(f"{PREFIX}nll")
    mixed = hole is None and table.protocol == "standard" and is_mixed(line.results)
    marks = []
    if line.differs:
        marks.append(notes.add(f"{STALE} ({seed_list(list(line.results))})"))
    if hole is not None:
        marks.append(notes.add(hole if not line.results else f"{label}: {hole}"))
        cells = {column.metric: Cell(hole=hole) for column in table.columns}
    else:
        flags = row_flags(line.results, constant, table.latent_free)
        marks += [notes.add(flag) for flag in flags]
        cells = {
            column.metric: _cell(column.metric, line, label, table, notes)
            for column in table.columns
        }
        if mixed:
            cells = {name: _with_middle(name, cell, line) for name, cell in cells.items()}
    return Row(
        label=label,
        task=line.task,
        records={seed: result.spec.key for seed, result in line.results.items()},
        cells=cells,
        notes=tuple(marks),
        stale=bool(line.differs),
        ranked=hole is None and not line.differs and is_ranked(line.results, constant),
        mixed=mixed,
        using=sum(not ignores_z(result) for result in line.results.values()),
    )


def _hole(line: Line, seeds: Sequence[int]) -> str | None:
    """Returns why a row has no numbers, None if all its seeds are done."""
    if not line.results:
        return "not run"
    missing = [seed for seed in seeds if seed not in line.results]
    reasons = [f"{seed_list(missing)} not run"] if missing and not line.differs else []
    for seed, result in line.results.items():
        if result.status != "done":
            error = " ".join((result.error or "no reason recorded").split())
            short = error if len(error) <= LONGEST else f"{error[:LONGEST]}…"
            reasons.append(f"seed {seed} {result.status.replace('_', ' ')}: {short}")
    return "; ".join(reasons) or None


def _cell(metric: str, line: Line, label: str, table: _Table, notes: Notes) -> Cell:
    if metric == TIME:
        return time_cell(line, table.plain, notes)
    values = [result.metrics.get(metric, math.nan) for result in line.results.values()]
    bad = [
        seed for seed, value in zip(line.results, values, strict=True) if not math.isfinite(value)
    ]
    if bad:
        whole = len(bad) == len(values)
        hole = f"no {metric}" + ("" if whole else f" for {seed_list(bad)}")
        broken = [
            result.broken[metric] for result in line.results.values() if metric in result.broken
        ]
        if broken:
            hole += f": {broken[0][:LONGEST]}"
        marks = () if whole and not broken else (notes.add(f"{label}: {hole}"),)
        return Cell(hole=hole, notes=marks)
    if metric == "ppl" and len(values) > 1:
        perplexity = _perplexity(list(line.results.values()))
        if perplexity is None:
            return Cell(hole="the values of ppl and nll are not of one model")
        return Cell(n=len(values), mean=perplexity)
    definition = definition_flag(metric, line.results, table.definitions, table.several)
    flags = [ceiling_flag(metric, mean(values), table.ceilings), definition]
    return Cell(
        n=len(values),
        mean=mean(values),
        std=std(values, population=table.protocol == "as-published") if len(values) > 1 else None,
        half_width=interval(values),
        notes=tuple(notes.add(flag) for flag in flags if flag),
        outdated=definition is not None,
    )


def _perplexity(results: Sequence[Result]) -> float | None:
    """Returns the perplexity at the mean NLL: a mean of perplexities is that of the worst seed.

    None where the two values of the first run cannot be of one model.
    """
    metrics = results[0].metrics
    try:
        per_nat = math.log(metrics["ppl"]) / metrics["nll"]  # texts per predicted token
        found = math.exp(per_nat * mean([result.metrics["nll"] for result in results]))
    except (KeyError, ValueError, ArithmeticError):  # no NLL, none above 0, or an overflow
        return None
    return found if math.isfinite(found) else None


def _with_middle(metric: str, cell: Cell, line: Line) -> Cell:
    """Returns a cell with the median and the range of a row whose seeds differ in kind."""
    if cell.mean is None or metric == TIME:
        return cell
    values = [result.metrics[metric] for result in line.results.values()]
    return dataclasses.replace(cell, middle=(statistics.median(values), min(values), max(values)))


def _plain(sheet: Sheet, seeds: Sequence[int]) -> Mapping[int, Result]:
    for line in sheet.current:
        is_plain = (line.task.critic, line.task.objective) == ("none", "elbo")
        if is_plain and _hole(line, seeds) is None:
            return line.results
    return {}


def _done(lines: Sequence[Line]) -> list[Result]:
    return [
        result for line in lines for result in line.results.values() if result.status == "done"
    ]


def _means(results: Sequence[Result], names: Sequence[str]) -> dict[str, float]:
    """Returns the mean of each metric over the records that have it."""
    values = {
        name: [result.metrics[name] for result in results if name in result.metrics]
        for name in names
    }
    return {name: mean(found) for name, found in values.items() if found}


def _references(done: Sequence[Result], table: _Table) -> tuple[Reference, ...]:
    found = []
    for label, names in REFERENCES.items():
        known = [name for name in names if PREFIX + name in table.references]
        if known:
            n = sum(PREFIX + known[0] in result.metrics for result in done)
            means = {name: table.references[PREFIX + name] for name in known}
            found.append(Reference(label=label, n=n, means=means))
    return (*([table.latent_free] if table.latent_free else []), *found)
