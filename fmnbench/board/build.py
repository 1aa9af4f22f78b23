"""From results to boards."""

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence

from fmnbench.board.base import TIME, Board, Cell, Column, Notes, Protocol, Reference, Row
from fmnbench.board.columns import CEILINGS, columns
from fmnbench.board.comparison import beside, with_published
from fmnbench.board.flags import ceiling_flag, definition_flag, row_flags, seed_list
from fmnbench.board.labels import labels
from fmnbench.board.latent_free import with_references
from fmnbench.board.published import Published
from fmnbench.board.relations import Relations, changed_settings
from fmnbench.board.rows import Line, Sheet, sheets
from fmnbench.board.seeds import Seeds, on_seeds, seeds_of
from fmnbench.board.statistics import interval, mean, std
from fmnbench.board.ties import with_bold
from fmnbench.board.tuned import with_tuned
from fmnbench.records.definitions import Definitions
from fmnbench.spec import TRAIN_PROCESSOR, Result, Task

REFERENCES = {  # label -> metrics of the table whose reference it is
    "latent-free reference": ("nll",),
    "real against real": ("density", "coverage"),
}
PREFIX = "reference."  # of a reference's metric in a record
STALE = "the row comes from older data or older versions; it is compared with no other row"
BY_CLOCK = "wall-clock time, which includes other work on the machine"
LONGEST = 160  # characters of an error that a footnote shows


def boards(
    results: Sequence[Result],
    protocol: Protocol = "standard",
    expected: Mapping[str, Sequence[Task]] | None = None,
    published: Sequence[Published] = (),
    relations: Relations | None = None,
    seeds: Collection[int] | None = None,
) -> list[Board]:
    """Returns one board per track of the results and of the expected tasks.

    `expected` lists a suite's tasks by track name: those without a record are rows of holes, and
    the order is theirs. With `published` values the rows have them beside ours. `relations` say
    which track is the latent-free reference in the table of another. Every table has the given
    `seeds`, and a row that lacks one is a hole; without them a table has the seeds that all of
    its rows share, or all seeds if there are none.
    """
    relations = relations or Relations()
    found = sheets(results, with_published(results, expected, published))
    here = Definitions.here()
    made = [
        _board(sheet, free, protocol, published, seeds_of(sheet, seeds), here)
        for sheet, free in with_references(found, relations)
    ]
    return [
        dataclasses.replace(
            with_tuned(board, relations.tuned),
            superseded=relations.superseded.get(changed_settings(board.track.name)[0]),
        )
        for board in made
    ]


def _board(
    sheet: Sheet,
    free: Reference | None,
    protocol: Protocol,
    published: Sequence[Published],
    seeds: Seeds,
    definitions: Definitions,
) -> Board:
    sheet = on_seeds(sheet, seeds.shown)
    done = _done(sheet.current)
    table = _Table(
        columns=columns(protocol, [*done, *_done(sheet.lines)]),
        seeds=seeds.shown,
        protocol=protocol,
        ceilings=_means(done, sorted(set(CEILINGS.values()))),
        references=_means(done, [PREFIX + name for name in sum(REFERENCES.values(), ())]),
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
    rows = with_bold(rows, sheet.lines, table.columns, seeds.shown)
    return Board(
        title=sheet.title,
        track=sheet.track,
        protocol=protocol,
        seeds=seeds.shown,
        left_out=seeds.left_out,
        columns=table.columns,
        rows=tuple(beside(rows, published, protocol)),
        references=_references(done, table) if protocol == "standard" else (),
        ceilings=table.ceilings,
        notes=notes.texts,
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
    marks = []
    if line.differs:
        marks.append(notes.add(f"{STALE} ({seed_list(list(line.results))})"))
    if hole is not None:
        marks.append(notes.add(hole if not line.results else f"{label}: {hole}"))
        cells = {column.metric: Cell(hole=hole) for column in table.columns}
    else:
        constant = table.references.get(f"{PREFIX}nll")
        flags = row_flags(line.results, constant, table.latent_free)
        marks += [notes.add(flag) for flag in flags]
        cells = {
            column.metric: _cell(column.metric, line, label, table, notes)
            for column in table.columns
        }
    return Row(
        label=label,
        task=line.task,
        records={seed: result.spec.key for seed, result in line.results.items()},
        cells=cells,
        notes=tuple(marks),
        stale=bool(line.differs),
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
        return _time(line, table.plain, notes)
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
    definition = definition_flag(metric, line.results, table.definitions, table.several)
    flags = [ceiling_flag(metric, mean(values), table.ceilings), definition]
    return Cell(
        n=len(values),
        mean=mean(values),
        std=std(values, population=table.protocol == "report") if len(values) > 1 else None,
        half_width=interval(values),
        notes=tuple(notes.add(flag) for flag in flags if flag),
        outdated=definition is not None,
    )


def _time(line: Line, plain: Mapping[int, Result], notes: Notes) -> Cell:
    """Returns the training time per that of the plain VAE, the mean over shared seeds."""
    pairs = [(result, plain[seed]) for seed, result in line.results.items() if seed in plain]
    pairs = [
        pair for pair in pairs if all(result.timings.get("train", 0.0) > 0 for result in pair)
    ]
    if not pairs or line.differs:
        return Cell(hole="no training time of a plain VAE to compare with")
    if any(_machine(ours) != _machine(theirs) for ours, theirs in pairs):
        hole = "measured on another device or with another number of threads than the plain VAE"
        return Cell(hole=hole, notes=(notes.add(hole),))
    both = [result for pair in pairs for result in pair]
    # other work on the machine hardly adds to a processor's seconds
    measure = TRAIN_PROCESSOR if all(TRAIN_PROCESSOR in each.timings for each in both) else "train"
    ratios = [ours.timings[measure] / theirs.timings[measure] for ours, theirs in pairs]
    by_clock = measure == "train" and both[0].provenance.device == "cpu"
    marks = (notes.add(BY_CLOCK),) if by_clock else ()
    return Cell(n=len(ratios), mean=mean(ratios), notes=marks)


def _machine(result: Result) -> tuple[str, int]:
    return result.provenance.device_name, result.provenance.threads


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
