"""What a nat of information costs: the NLL of methods at one rate, where several were run."""

import dataclasses
from collections.abc import Mapping, Sequence

from fmnbench.board.base import Board, Row
from fmnbench.board.equal import Course, EqualInformation, Reading
from fmnbench.board.frontier import Point, at_rate, is_range, levels, span
from fmnbench.board.labels import SYMBOLS, VAE
from fmnbench.board.verdicts import half_width
from fmnbench.spec import Result, Setting, Task, canonical_json

LAMBDA = "λ"  # the name of a row's weight among its settings
FEWEST = 2  # points of a curve


def with_equal_information(boards: Sequence[Board], results: Sequence[Result]) -> list[Board]:
    """Returns boards of the standard protocol with their rows compared at equal rates.

    A curve is of rows that differ in one number: λ, or one setting of the critic or objective. A
    table without a curve stays as it is.
    """
    by_key = {result.spec.key: result for result in results}
    return [
        dataclasses.replace(board, equal_information=_of_board(board, by_key))
        if board.protocol == "standard"
        else board
        for board in boards
    ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Curve:
    """Rows that differ in one number; `is_plain` ones are without a critic."""

    label: str
    is_plain: bool
    points: tuple[Point, ...]


def _of_board(board: Board, by_key: Mapping[str, Result]) -> EqualInformation | None:
    rows = [row for row in board.rows if not row.stale]
    reasons = {row.label: reason for row in rows if (reason := _unfit(row))}
    fit = [row for row in rows if row.label not in reasons]
    curves = sorted(_curves(fit, by_key), key=lambda curve: not curve.is_plain)
    if not curves:
        return None
    on_curves = {point.label for curve in curves for point in curve.points}
    reasons |= {row.label: "a single point" for row in fit if row.label not in on_curves}
    at = levels([span(curve.points) for curve in curves])
    courses = tuple(_course(curve, curves[0], at) for curve in curves)
    return EqualInformation(levels=at, courses=courses, left_out=reasons)


def _unfit(row: Row) -> str | None:
    """Returns why a row is no point of a curve, None if it is one."""
    cells = [row.cells.get(name) for name in ("kl", "nll")]
    if any(cell is None or cell.mean is None or cell.outdated for cell in cells):
        return "not all of its runs have a KL and an NLL"
    return "its seeds differ in whether they use z" if row.mixed else None


def _course(curve: _Curve, first: _Curve, at: Sequence[float]) -> Course:
    """Returns a curve with its NLL at common rates, and the differences from the first one's."""
    values: list[Reading | None] = []
    differences: list[Reading | None] = []
    for rate in at:
        ours, theirs = at_rate(curve.points, rate), at_rate(first.points, rate)
        values.append(Reading(nll=ours.mean, half_width=half_width(ours)) if ours else None)
        difference = None
        if ours and theirs and curve is not first:
            width = half_width(ours, theirs)
            difference = Reading(nll=ours.mean - theirs.mean, half_width=width)
        differences.append(difference)
    low, high = span(curve.points)
    return Course(
        label=curve.label,
        points=tuple(sorted(curve.points, key=lambda point: point.at)),
        lowest=low,
        highest=high,
        values=tuple(values),
        differences=tuple(differences),
    )


def _curves(rows: Sequence[Row], by_key: Mapping[str, Result]) -> list[_Curve]:
    """Returns for each number the rows that are equal in all others, where there are several."""
    settings = [_settings(row.task) for row in rows]
    found = []
    for name in dict.fromkeys(name for each in settings for name in each):
        groups: dict[str, list[Row]] = {}
        for row, each in zip(rows, settings, strict=True):
            if isinstance(each.get(name), float):
                rest = {other: value for other, value in each.items() if other != name}
                method = canonical_json([row.task.critic, row.task.objective, rest])
                groups.setdefault(method, []).append(row)
        swept = [members for members in groups.values() if len(members) >= FEWEST]
        found += [_curve(members, name, by_key, alone=len(swept) == 1) for members in swept]
    return [curve for curve in found if is_range(*span(curve.points))]


def _curve(rows: Sequence[Row], name: str, by_key: Mapping[str, Result], *, alone: bool) -> _Curve:
    """Returns the curve of rows over a setting, by whose name it is called."""
    task = rows[0].task
    setting = name.partition(" ")[2] or name
    parts = [] if task.critic == "none" else [task.critic]
    if setting in SYMBOLS and task.objective == setting:
        setting = SYMBOLS[setting]  # a VAE by β
    elif task.objective != "elbo":
        parts.append(task.objective)
    label = f"{' + '.join(parts) or VAE} by {setting}"
    if not alone:  # another curve over this setting may have the same name
        label += f", from {rows[0].label}"
    points = tuple(_point(row, by_key) for row in rows)
    return _Curve(label=label, is_plain=task.critic == "none", points=points)


def _point(row: Row, by_key: Mapping[str, Result]) -> Point:
    runs = [by_key[row.records[seed]].metrics for seed in sorted(row.records)]
    rates, nlls = ([run[name] for run in runs] for name in ("kl", "nll"))
    return Point(label=row.label, rate=tuple(rates), nll=tuple(nlls))


def _settings(task: Task) -> dict[str, Setting]:
    """Returns all numbers and other settings of a row by name, numbers as floats."""
    found: dict[str, Setting] = {LAMBDA: float(task.lambda_)}
    found |= {f"critic {name}": each for name, each in task.critic_settings.items()}
    found |= {f"objective {name}": each for name, each in task.objective_settings.items()}
    return {
        name: float(each) if isinstance(each, int) and not isinstance(each, bool) else each
        for name, each in found.items()
    }
