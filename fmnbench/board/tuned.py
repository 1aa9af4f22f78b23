"""Which rows of a table were chosen by tuning, and by how many trials."""

import dataclasses
from collections.abc import Mapping, Sequence

from fmnbench.board.base import Board
from fmnbench.board.relations import Tuned, TunedRow
from fmnbench.board.rows import covers


def with_tuned(board: Board, tuned: Mapping[str, Sequence[TunedRow]]) -> Board:
    """Returns a board whose tuned rows have a footnote; `tuned` are rows by the track's name."""
    notes = list(board.notes)
    rows = []
    for row in board.rows:
        marks = list(row.notes)
        for each in tuned.get(board.track.name, ()):
            if row.records and covers(each.task, row.task):
                text = _note(each.how)
                notes += [] if text in notes else [text]
                marks.append(notes.index(text) + 1)
        rows.append(dataclasses.replace(row, notes=tuple(marks)))
    return dataclasses.replace(board, rows=tuple(rows), notes=tuple(notes))


def _note(how: Tuned) -> str:
    def counted(number: int, noun: str) -> str:
        return f"{number} {noun}{'s' * (number != 1)}"

    return (
        f"tuned: chosen on validation rows out of {counted(how.trials, 'trial')} with "
        f"{counted(how.seeds, 'seed')} of tuning (goal {how.goal}, margin {how.margin:g} nats); "
        f"the plain VAE had {counted(how.baseline_trials, 'trial')}"
    )
