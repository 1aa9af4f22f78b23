"""What a table decides, in a sentence or two, made from its cells alone."""

from collections.abc import Iterator, Sequence

from fmnbench.board import Board, Row
from fmnbench.board.base import DELTA
from fmnbench.report.captions import VERDICTS
from fmnbench.report.numbers import plus_minus

NLL, MI = f"{DELTA}nll", f"{DELTA}mi_lower"
WITHOUT_Z = "latent-free"  # starts the label of a model without a latent


def verdict(board: Board, changed: Sequence[str] = ()) -> str:
    """Returns what a table says of its methods; of one seed, that it says nothing of them.

    Of a table without runs, which tables there are of the track with `changed` settings.
    """
    if not board.seeds and changed:
        return (
            "No run with these settings. There are tables with changed settings: "
            f"{', '.join(changed)}; fmnbench report --track NAME shows one."
        )
    if not board.seeds:
        return "No run of this table has been made yet."
    if board.protocol == "as-published":
        return _published(board)
    parts = [*_replaced(board)]
    if len(board.seeds) == 1:
        parts.append("One seed: values of these models, no verdict on methods.")
    else:
        parts += _verdicts(board)
        parts += _unjudged(board)
    parts += _without_z(board)
    return " ".join(parts)


def _replaced(board: Board) -> Iterator[str]:
    if board.superseded is not None:
        yield f"Replaced by {board.superseded.by}."


def _verdicts(board: Board) -> Iterator[str]:
    plain = board.plain
    if plain is None or "nll" not in plain.cells or plain.cells["nll"].mean is None:
        yield "There is no plain VAE with all seeds to compare with."
        return
    found = _listed(board, NLL)
    if found:
        yield f"Likelihood, beside the VAE's {plain.cells['nll'].mean:.2f} nats: {found}."
    found = _listed(board, MI)
    if "mi_lower" in board.saturated:
        yield "Information: at the ceiling of its estimate in all rows."
    elif found:
        yield f"Information: {found}."


def _listed(board: Board, metric: str) -> str:
    """Returns the rows with their verdicts in one metric, those of a kind together."""
    kinds: dict[str, list[str]] = {"better": [], "worse": [], "same": [], "open": []}
    for row in board.rows:
        cell = row.cells.get(metric)
        if cell is None or cell.verdict is None or cell.mean is None:
            continue
        text = row.label
        if cell.verdict in ("better", "worse"):
            text += f" ({plus_minus(cell.mean, cell.half_width)})"
        kinds[cell.verdict].append(text)
    return "; ".join(f"{kind} {', '.join(rows)}" for kind, rows in kinds.items() if rows)


def _unjudged(board: Board) -> Iterator[str]:
    """Yields which rows have no verdict, and why."""
    reasons: dict[str, list[str]] = {}
    for row in board.rows:
        if not row.stale and (reason := _reason(row)):
            reasons.setdefault(reason, []).append(row.label)
    if reasons:
        texts = [f"{', '.join(rows)} ({reason})" for reason, rows in reasons.items()]
        yield f"Without verdict: {'; '.join(texts)}."


def _reason(row: Row) -> str:
    if row.cells["nll"].mean is None:
        return "incomplete"
    if row.mixed:
        return f"uses z with {row.using} of {len(row.records)} seeds"
    if row.ranked:
        return ""
    return "ignores z" if row.using == 0 else "has learned nothing with a seed at least"


def _without_z(board: Board) -> Iterator[str]:
    found = best_without_z(board)
    if found is not None and beats_without_z(board) is False:
        yield f"No row has a better NLL than the best without z, {found[0]:.2f} ({found[1]})."


def references_without_z(board: Board) -> list[tuple[float, str]]:
    """Returns the NLL of what has no latent, and what it is: a model or a constant."""
    return sorted(
        (reference.means["nll"], label.replace("reference", "constant"))
        for reference in board.references
        if (label := reference.label.removeprefix(WITHOUT_Z).strip()) != reference.label
        and "nll" in reference.means
    )


def best_without_z(board: Board) -> tuple[float, str] | None:
    """Returns the least NLL without a latent, and what has it; None where none is known."""
    return next(iter(references_without_z(board)), None)


def beats_without_z(board: Board) -> bool | None:
    """Returns whether any row's NLL beats all without z, None where there is nothing to beat."""
    reference = best_without_z(board)
    values = [row.cells["nll"].mean for row in board.rows if not row.stale]
    known = [value for value in values if value is not None]
    if reference is None or not known:
        return None
    return min(known) < reference[0]


def _published(board: Board) -> str:
    """Returns how many published differences from the VAE were found again."""
    counts: dict[str, int] = {}
    for each in board.conclusions:
        if each.verdict in VERDICTS:
            counts[each.verdict] = counts.get(each.verdict, 0) + 1
    if not counts:
        return "Our runs by the definitions of the publication."
    listed = ", ".join(f"{number} {VERDICTS[name]}" for name, number in counts.items())
    judge = board.conclusions[0].judge
    return (
        "Published differences from the VAE, tested by the field's definitions "
        f"({judge}): {listed}."
    )
