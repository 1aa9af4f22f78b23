"""How the rows of a table compare with the plain VAE, test row by test row."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fmnbench.board.base import Board, Row
from fmnbench.board.paired import paired
from fmnbench.spec import Result

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Reader = Callable[[Result], "NDArray[np.float32] | None"]  # −log p(x) of each test row


def with_likelihoods(
    boards: Sequence[Board], results: Sequence[Result], read: "Reader"
) -> list[Board]:
    """Returns boards with the paired differences of those rows whose runs kept their likelihoods.

    `read` gives those of a run, None where it has none. Boards of another protocol than the
    standard one stay as they are, and so does a table whose plain VAE has none.
    """
    by_key = {result.spec.key: result for result in results if result.rows}
    return [
        _with_likelihoods(board, by_key, read)
        if by_key and board.protocol == "standard"
        else board
        for board in boards
    ]


def _with_likelihoods(board: Board, by_key: dict[str, Result], read: "Reader") -> Board:
    rows = [row for row in board.rows if _is_whole(row, by_key)]
    plain = next((row for row in rows if row.is_plain), None)
    if plain is None or len(rows) == 1:
        return board
    theirs = _values(plain, by_key, read)
    found = []
    for row in rows:
        ours = None if row is plain else _values(row, by_key, read)
        # another number of rows: the table is of one track and one data set, so a file is at fault
        if ours is not None and theirs is not None and ours.shape[1] == theirs.shape[1]:
            found.append(paired(row.label, ours, theirs, mixed=row.mixed or plain.mixed))
    return dataclasses.replace(board, likelihoods=tuple(found))


def _is_whole(row: Row, by_key: dict[str, Result]) -> bool:
    """Whether a row has an NLL that may be compared, and all its runs kept their likelihoods."""
    cell = row.cells.get("nll")
    known = cell is not None and cell.mean is not None and not cell.outdated
    return known and not row.stale and all(key in by_key for key in row.records.values())


def _values(row: Row, by_key: dict[str, Result], read: "Reader") -> "NDArray[np.float64] | None":
    """Returns −log p(x) of seeds × test rows; None where a run's cannot be read."""
    import numpy as np  # 0.1 s that a board without likelihoods need not wait for

    found = [read(by_key[row.records[seed]]) for seed in sorted(row.records)]
    present = [each for each in found if each is not None]
    if len(present) < len(found) or len({len(each) for each in present}) != 1:
        return None
    return np.stack(present).astype(np.float64)
