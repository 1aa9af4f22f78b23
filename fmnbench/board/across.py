"""What a method does across whole tracks: how often it is better, and how probably a run is."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from fmnbench.board.base import DELTA, Board, Row
from fmnbench.board.labels import VAE, method_parts
from fmnbench.board.relations import Relations, changed_settings
from fmnbench.spec import Result

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEWEST_TRACKS = 4  # that a sentence across tracks is worth
RESAMPLES = 2000  # of the bootstrap: the ends of its interval repeat within 0.01
LEVEL = 0.95
SEED = 0  # of the bootstrap, so that the same records give the same bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Across:
    """A method against the plain VAE, in NLL over whole tracks.

    In `better` of the `tracks` its verdict is better. `improvement` is the probability that a run
    of it has a lower NLL than one of the VAE, ties as half, the mean over tracks; `low` and `high`
    end its 95 % interval by a bootstrap of the runs within each track (Agarwal et al. 2021).
    """

    method: str
    tracks: int
    better: int
    improvement: float
    low: float
    high: float


def with_runs(
    boards: Sequence[Board], results: Sequence[Result], relations: Relations
) -> list[Board]:
    """Returns boards of which those of whole tracks have the NLL of each run.

    A track is whole unless it is a smaller copy of another, replaced, with changed settings, of
    one seed, or of another protocol.
    """
    nll = {result.spec.key: result.metrics.get("nll") for result in results}
    small = set(relations.smaller_copies)
    return [
        dataclasses.replace(board, runs=_runs(board, nll)) if _is_whole(board, small) else board
        for board in boards
    ]


def _is_whole(board: Board, small: set[str]) -> bool:
    base, changes = changed_settings(board.track.name)
    is_copy = base in small or board.superseded is not None or bool(changes)
    return board.protocol == "standard" and len(board.seeds) > 1 and not is_copy


def _runs(board: Board, nll: dict[str, float | None]) -> dict[str, tuple[float, ...]]:
    """Returns the NLL of the runs of each row that is compared, by its label."""
    found = {}
    for row in board.rows:
        values = [nll.get(row.records[seed]) for seed in sorted(row.records)]
        known = [each for each in values if each is not None]
        cell = row.cells.get("nll")
        if cell and cell.mean is not None and not (cell.outdated or row.stale):
            found[row.label] = tuple(known)
    return found


def across(boards: Sequence[Board]) -> list[Across]:
    """Returns the methods that at least four whole tracks have, in their order.

    A method is a critic with an objective; a track that has several rows of it has none that
    speaks for it, and does not count.
    """
    whole = [board for board in boards if board.runs]
    names = dict.fromkeys(name for board in whole for name, _, _ in _methods(board))
    made = []
    for method in names:
        found = [
            (board, row, plain)
            for board in whole
            for name, row, plain in _methods(board)
            if name == method
        ]
        if len(found) >= FEWEST_TRACKS:
            made.append(_across(method, found))
    return made


def _methods(board: Board) -> Iterator[tuple[str, Row, Row]]:
    """Yields the methods that have one row in a table, with that and the plain VAE's."""
    rows = [row for row in board.rows if row.label in board.runs and not row.stale]
    plain = next((row for row in rows if row.is_plain), None)
    if plain is None:
        return
    names = [" + ".join(method_parts(row.task)) or VAE for row in rows]
    for name, row in zip(names, rows, strict=True):
        if row is not plain and names.count(name) == 1:
            yield name, row, plain


def _across(method: str, found: Sequence[tuple[Board, Row, Row]]) -> Across:
    import numpy as np  # 0.1 s that boards of fewer tracks need not wait for

    rng = np.random.default_rng(SEED)
    wins = [_wins(board.runs[row.label], board.runs[plain.label]) for board, row, plain in found]
    drawn = np.mean([_resampled(each, rng) for each in wins], axis=0)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    verdicts = [row.cells[f"{DELTA}nll"].verdict for _, row, _ in found if _is_judged(row)]
    return Across(
        method=method,
        tracks=len(found),
        better=verdicts.count("better"),
        improvement=float(np.mean([each.mean() for each in wins])),
        low=float(low),
        high=float(high),
    )


def _is_judged(row: Row) -> bool:
    return f"{DELTA}nll" in row.cells


def _wins(ours: Sequence[float], theirs: Sequence[float]) -> "NDArray[np.float64]":
    """Returns for each pair of runs whether ours has the lower NLL, a tie as half."""
    import numpy as np  # as above

    difference = np.subtract.outer(np.array(ours), np.array(theirs))  # [i, j] = ours i − theirs j
    wins: NDArray[np.float64] = (difference < 0) + (difference == 0) / 2
    return wins


def _resampled(wins: "NDArray[np.float64]", rng: "np.random.Generator") -> "NDArray[np.float64]":
    """Returns the share of pairs won among runs drawn anew with replacement, RESAMPLES times."""
    ours, theirs = wins.shape
    rows = rng.integers(ours, size=(RESAMPLES, ours))
    columns = rng.integers(theirs, size=(RESAMPLES, theirs))
    drawn: NDArray[np.float64] = wins[rows[:, :, None], columns[:, None, :]].mean((1, 2))
    return drawn
