"""What certainty costs: the seeds that would decide each open contrast, and their time."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence

from fmnbench.board.base import DELTA, Board, Row
from fmnbench.board.statistics import mean
from fmnbench.spec import Result


@dataclasses.dataclass(frozen=True, kw_only=True)
class Need:
    """An open contrast of a row with the plain VAE of its table, in one metric.

    `seeds` of either row are expected to decide it at 80 % power if the values so far are true,
    None where more than a thousand would, or none tell. `runs` are those to be added, of the row
    and of the VAE, and `seconds` what they take, each as long as the records of its row took on
    average; None where `seconds` are not known.
    """

    track: str
    row: str
    metric: str
    difference: float
    half_width: float | None
    has: int
    seeds: int | None
    runs: int | None
    seconds: float | None


def needs(boards: Sequence[Board], results: Sequence[Result]) -> list[Need]:
    """Returns the open contrasts of boards of the standard protocol, the cheapest first."""
    by_key = {result.spec.key: result for result in results}
    found = [
        need for board in boards if board.protocol == "standard" for need in _of(board, by_key)
    ]
    return sorted(found, key=_cost)


def _of(board: Board, by_key: Mapping[str, Result]) -> Iterator[Need]:
    plain = board.plain
    if plain is None:
        return
    for row in board.rows:
        for name, cell in row.cells.items():
            if not name.startswith(DELTA) or cell.verdict != "open" or cell.mean is None:
                continue
            times = [_seconds(each, by_key) for each in (row, plain)]
            more = None if cell.seeds is None else cell.seeds - cell.n
            known = more is not None and None not in times
            yield Need(
                track=board.title,
                row=row.label,
                metric=name.removeprefix(DELTA),
                difference=cell.mean,
                half_width=cell.half_width,
                has=cell.n,
                seeds=cell.seeds,
                runs=None if more is None else 2 * more,
                seconds=more * math.fsum(filter(None, times)) if known and more else None,
            )


def _seconds(row: Row, by_key: Mapping[str, Result]) -> float | None:
    """Returns the mean time of a row's runs, None where no record tells."""
    times = [by_key[key].provenance.seconds for key in row.records.values() if key in by_key]
    times = [each for each in times if 0 < each < math.inf]
    return mean(times) if times else None


def _cost(need: Need) -> tuple[object, ...]:
    unknown = need.seconds is None
    return (unknown, need.seconds or 0.0, need.track, need.row, need.metric)
