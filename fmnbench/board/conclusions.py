"""Which published conclusions hold when the field's definitions are measured."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from fmnbench.board.base import Board, Conclusion, Found, Row
from fmnbench.board.limits import within_limits
from fmnbench.board.rows import covers
from fmnbench.board.statistics import holm
from fmnbench.board.verdicts import Sample, p_value, sample
from fmnbench.spec import Result

DEFINITIONS = {  # metric of the report -> the field's definition of what it is named after
    "report.nll": "nll",
    "report.mi": "mi_lower",
    "report.au": "au",
    "report.density": "density",
    "report.coverage": "coverage",
}


def with_conclusions(
    reports: Sequence[Board],
    standards: Sequence[Board],
    results: Sequence[Result],
    judges: Mapping[str, str],
) -> list[Board]:
    """Returns boards of the protocol as-published with what their sources conclude of critics.

    A conclusion is a difference between a critic and the plain VAE beyond the sum of their
    published stds. It holds where the same difference, by the field's definition, has the same
    sign and Welch's test over the seeds tells it from 0 (5 %, Holm-corrected over the board).
    `judges` name the track that tests the conclusions on another, where it is not the same and
    has a board.
    """
    by_name = {board.track.name: board for board in standards}
    by_key = {result.spec.key: within_limits(result) for result in results}
    made = []
    for board in reports:
        judge = by_name.get(judges.get(board.track.name, "")) or by_name.get(board.track.name)
        found = _judged(list(_claims(board, judge, by_key)) if judge else [], board.error)
        made.append(dataclasses.replace(board, conclusions=tuple(found)))
    return made


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Claim:
    """A conclusion before it is tested; `ours` are the critic's row and the plain VAE's."""

    conclusion: Conclusion
    ours: tuple[Sample, Sample] | None


def _judged(claims: Sequence[_Claim], error: float) -> Iterator[Conclusion]:
    """Yields the conclusions with their verdicts."""
    p_values = iter(holm([p_value(*claim.ours) for claim in claims if claim.ours is not None]))
    for claim in claims:
        if claim.ours is None:
            yield claim.conclusion
            continue
        row, plain = claim.ours
        ours, published = row.mean - plain.mean, claim.conclusion.published
        verdict: Found = "holds" if ours * published > 0 else "opposite"
        if next(p_values) >= error:
            verdict = "not seen" if row.n > 1 else "one seed"
        yield dataclasses.replace(claim.conclusion, ours=ours, verdict=verdict)


def _claims(board: Board, judge: Board, results: Mapping[str, Result]) -> Iterator[_Claim]:
    """Yields what is published of each critic's row as different from the plain VAE's."""
    plain = board.plain
    if plain is None:
        return
    for row in board.rows:
        for metric, definition in DEFINITIONS.items():
            theirs, base = row.cells[metric].published, plain.cells[metric].published
            if row.task.critic == "none" or theirs is None or base is None:
                continue
            difference = theirs.mean - base.mean
            if abs(difference) > theirs.std + base.std:
                blank = Conclusion(
                    label=row.label,
                    metric=metric,
                    definition=definition,
                    published=difference,
                    judge=judge.title,
                    ours=None,
                    verdict="not run",
                )
                ours = _samples(row, judge, definition, results)
                yield _Claim(conclusion=blank, ours=ours)


def _samples(
    row: Row, judge: Board, metric: str, results: Mapping[str, Result]
) -> tuple[Sample, Sample] | None:
    """Returns the row and the plain VAE on the judging board, None unless all seeds are done."""
    plain = judge.plain
    ours = next(
        (each for each in judge.rows if not each.stale and covers(row.task, each.task)), None
    )
    if plain is None or ours is None or not judge.seeds:
        return None
    if ours.cells[metric].outdated or plain.cells[metric].outdated:
        return None  # values by an older definition prove nothing
    found = []
    for each in (ours, plain):
        keys = [each.records[seed] for seed in judge.seeds if seed in each.records]
        values = [results[key].metrics.get(metric) for key in keys]
        known = [value for value in values if value is not None]
        if len(known) < len(judge.seeds):
            return None
        found.append(sample(known))
    return found[0], found[1]
