"""Published values beside ours."""

import dataclasses
from collections.abc import Mapping, Sequence

from fmnbench.board.base import Cell, Row
from fmnbench.board.published import Published
from fmnbench.spec import Result, Task, Track

STDS = 3  # of the published runs: a mean within as many is no contradiction
SHARE = 0.1  # of the published mean: as near is near, however small the published std


def with_published(
    results: Sequence[Result],
    expected: Mapping[str, Sequence[Task]] | None,
    published: Sequence[Published],
) -> dict[str, list[Task]]:
    """Returns the expected tasks and, on their tracks and those of the results, published ones."""
    tasks = {name: list(rows) for name, rows in (expected or {}).items()}
    tracks: dict[str, Track] = {result.spec.track.name: result.spec.track for result in results}
    tracks |= {name: rows[0].track for name, rows in tasks.items() if rows}
    for value in published:
        if value.track not in tracks:
            continue
        rows = tasks.setdefault(value.track, [])
        if not any(_is_of(value, task) for task in rows):
            task = Task(
                track=tracks[value.track],
                critic=value.critic,
                objective=value.objective,
                lambda_=value.lambda_,
            )
            rows.append(task)
    return tasks


def beside(row: Row, published: Sequence[Published]) -> Row:
    """Returns the row with the published values of its task in its cells."""
    if row.stale:
        return row
    theirs = {value.metric: value for value in published if _is_of(value, row.task)}
    cells = {
        name: _compared(cell, theirs[name]) if name in theirs else cell
        for name, cell in row.cells.items()
    }
    return dataclasses.replace(row, cells=cells)


def _is_of(value: Published, task: Task) -> bool:
    return (value.track, value.critic, value.objective, value.lambda_) == (
        task.track.name,
        task.critic,
        task.objective,
        float(task.lambda_),
    )


def _compared(cell: Cell, value: Published) -> Cell:
    tolerance = max(STDS * value.std, SHARE * abs(value.mean))
    within = None
    if cell.mean is not None and not value.differs:
        within = abs(cell.mean - value.mean) <= tolerance
    return dataclasses.replace(cell, published=value, within=within)
