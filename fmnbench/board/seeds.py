"""Which seeds a table compares: the same ones for all of its rows."""

import dataclasses
from collections.abc import Collection

from fmnbench.board.rows import Line, Sheet


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seeds:
    """The seeds of a table, and those of its records that it leaves out, both ascending."""

    shown: tuple[int, ...]
    left_out: tuple[int, ...] = ()


def seeds_of(sheet: Sheet, wanted: Collection[int] | None) -> Seeds:
    """Returns the wanted seeds, else those that all rows with records share.

    If the rows share none, the table has the seeds of all rows. A table without records has none.
    Stale rows do not count.
    """
    rows = [set(line.results) for line in sheet.current if line.results]
    if not rows:
        return Seeds(shown=())
    if wanted is not None:
        return Seeds(shown=tuple(sorted(wanted)))
    present = set.union(*rows)
    shown = set.intersection(*rows) or present
    return Seeds(shown=tuple(sorted(shown)), left_out=tuple(sorted(present - shown)))


def on_seeds(sheet: Sheet, seeds: Collection[int]) -> Sheet:
    """Returns a sheet without the results of other seeds; stale rows keep all of theirs."""
    return dataclasses.replace(sheet, lines=[_line(line, seeds) for line in sheet.lines])


def _line(line: Line, seeds: Collection[int]) -> Line:
    if line.differs:
        return line
    results = {seed: result for seed, result in line.results.items() if seed in seeds}
    return dataclasses.replace(line, results=results)
