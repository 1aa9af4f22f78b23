"""Published values beside ours."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from fmnbench.board.base import Beside, Cell, Protocol, Row
from fmnbench.board.published import Published
from fmnbench.board.verdicts import Sample, half_width
from fmnbench.spec import Result, Task, Track


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


def beside(rows: Sequence[Row], published: Sequence[Published], protocol: Protocol) -> list[Row]:
    """Returns the rows of a board with the published values of their tasks in their cells."""
    found = [_with_values(row, published) for row in rows]
    plain = next((row for row in found if row.is_plain and not row.stale), None)
    return [
        dataclasses.replace(
            row,
            cells={
                name: _compared(cell, plain.cells[name] if plain else None, protocol)
                for name, cell in row.cells.items()
            },
        )
        for row in found
    ]


def _with_values(row: Row, published: Sequence[Published]) -> Row:
    if row.stale:
        return row
    theirs = {value.metric: value for value in published if _is_of(value, row.task)}
    cells = {
        name: dataclasses.replace(cell, published=theirs.get(name))
        for name, cell in row.cells.items()
    }
    return dataclasses.replace(row, cells=cells)


def _compared(cell: Cell, plain: Cell | None, protocol: Protocol) -> Cell:
    """Returns a cell with its comparison, if it is of the experiment that was published."""
    value = cell.published
    if value is None or value.differs or cell.mean is None or cell.outdated:
        return cell
    theirs = Sample(n=value.runs, mean=value.mean, std=_sample_std(value))
    std = cell.std
    if std is not None and protocol == "as-published":
        std = of_sample(std, cell.n)
    ours = Sample(n=cell.n, mean=cell.mean, std=std)
    compared = Beside(
        difference=ours.mean - theirs.mean,
        half_width=half_width(ours, theirs),
        is_reversed=_is_reversed(cell, plain),
    )
    return dataclasses.replace(cell, beside=compared)


def _sample_std(value: Published) -> float | None:
    """Returns the sample std of published runs, None of a single one."""
    if value.runs < 2:
        return None
    return of_sample(value.std, value.runs) if value.std_kind == "population" else value.std


def of_sample(std: float, n: int) -> float:
    """Returns the sample std of n > 1 values with a population std."""
    return std * math.sqrt(n / (n - 1))


def _is_reversed(cell: Cell, plain: Cell | None) -> bool:
    if plain is None or plain.published is None or plain.mean is None or plain.outdated:
        return False
    assert cell.published is not None
    assert cell.mean is not None
    published = cell.published.mean - plain.published.mean
    return (cell.mean - plain.mean) * published < 0


def _is_of(value: Published, task: Task) -> bool:
    return (value.track, value.critic, value.objective, value.lambda_) == (
        task.track.name,
        task.critic,
        task.objective,
        float(task.lambda_),
    )
