"""The first screen of a leaderboard: what its tables say together, made from them alone."""

from collections.abc import Iterator, Sequence

from fmnbench.board import Board, Row
from fmnbench.board.across import Across, across
from fmnbench.board.relations import CHANGE
from fmnbench.report.base import Group, Overview
from fmnbench.report.numbers import mean_std, percent, plus_minus
from fmnbench.report.verdicts import MI, NLL, beats_without_z, best_without_z

FEWEST = 2  # tables that an overview is worth
LIKELIHOOD = "For likelihood alone"
INFORMATION = "For a latent in use"


def overview(boards: Sequence[Board]) -> Overview | None:
    """Returns the overview of the standard tables that have runs, None of fewer than two."""
    shown = [board for board in boards if board.protocol == "standard" and board.seeds]
    if len(shown) < FEWEST:
        return None
    methods = list(dict.fromkeys(_method(row) for board in shown for row in _others(board)))
    return Overview(
        summary=_summary(shown),
        heads=("track", "seeds", "without z", "VAE", *methods),
        lines=tuple(_line(board, methods) for board in shown),
        answers=(
            (LIKELIHOOD, _by_likelihood(shown)),
            (INFORMATION, _by_information(shown)),
            *map(_across, across(shown)),
        ),
    )


def by_worth(boards: Sequence[Board]) -> list[Board]:
    """Returns tables in the order of what they teach.

    First those of several seeds in which something was learned, then those in which nothing was,
    then published tables that were re-run, last what belongs in an appendix: where that is all
    there is, it comes first.
    """
    order: tuple[Group, ...] = ("track", "published", "appendix")
    if not any(group(board) == "track" for board in boards):
        order = ("appendix", "published")

    def rank(board: Board) -> tuple[int, bool]:
        return order.index(group(board)), not any(row.ranked for row in board.rows)

    return sorted(boards, key=rank)


def group(board: Board) -> Group:
    """Returns where a table stands: in an appendix where it is of one seed or less than a track.

    That is a track with changed settings, or one that another replaces.
    """
    if board.protocol == "as-published":
        return "published"
    is_whole = CHANGE not in board.track.name and board.superseded is None
    return "track" if is_whole and len(board.seeds) >= FEWEST else "appendix"


def _method(row: Row) -> str:
    """Returns the critic, or else the objective, of a row: methods are those of all tables."""
    return row.task.critic if row.task.critic != "none" else row.task.objective


def _others(board: Board) -> list[Row]:
    return [row for row in board.rows if not row.is_plain and not row.stale]


def _line(board: Board, methods: Sequence[str]) -> tuple[str, ...]:
    plain = board.plain
    cells = [_value(plain, board) if plain else ""]
    for method in methods:
        rows = [row for row in _others(board) if _method(row) == method]
        texts = [_difference(row, board) for row in rows]
        if len(rows) > 1:
            texts = [f"{row.label}: {text}" for row, text in zip(rows, texts, strict=True)]
        cells.append("; ".join(texts))
    return board.title, str(len(board.seeds)), _without_z(board), *cells


def _without_z(board: Board) -> str:
    """Returns the NLL of the best model or constant without z, of those that a table has."""
    found = best_without_z(board)
    return f"{found[0]:.2f} {found[1]}" if found else ""


def _value(row: Row, board: Board) -> str:
    cell = row.cells["nll"]
    if cell.mean is None:
        return _failure(row, board)
    text, _ = mean_std(cell.mean, cell.std, 2)
    return f"{text}, {_use(row)}"


def _difference(row: Row, board: Board) -> str:
    cell = row.cells.get(NLL)
    if row.cells["nll"].mean is None:
        return _failure(row, board)
    if cell is None or cell.mean is None:
        return _value(row, board)
    verdict = f" {cell.verdict}" if cell.verdict else ""
    return f"{plus_minus(cell.mean, cell.half_width)}{verdict}, {_use(row)}"


def _use(row: Row) -> str:
    return f"z {row.using}/{len(row.records)}"


def _failure(row: Row, board: Board) -> str:
    """Returns why a row has no value: its table says more."""
    if not row.records:
        return "not run"
    return "failed" if len(row.records) == len(board.seeds) else "seeds missing"


def _compared(boards: Sequence[Board], column: str) -> Iterator[tuple[Board, Row, str]]:
    """Yields the rows that have a verdict, with their tables and verdicts."""
    for board in boards:
        for row in _others(board):
            cell = row.cells.get(column)
            if cell is not None and cell.verdict is not None:
                yield board, row, cell.verdict


def _summary(boards: Sequence[Board]) -> str:
    verdicts = [verdict for _, _, verdict in _compared(boards, NLL)]
    counts = {each: verdicts.count(each) for each in ("better", "worse", "same", "open")}
    beaten = [board for board in boards if beats_without_z(board) is False]
    models = [board for board in boards if beats_without_z(board) is not None]
    text = (
        f"Comparisons with the plain VAE in likelihood, at {percent(1 - boards[0].error)} and of "
        "models that use z and have "
        f"learned something: {len(verdicts)}; better {counts['better']}, worse {counts['worse']}, "
        f"the same {counts['same']}, not decided {counts['open']}."
    )
    if models:
        text += (
            f" In {len(beaten)} of {len(models)} tables no method has a better mean NLL than the "
            "best prediction without z."
        )
    return text


def _by_likelihood(boards: Sequence[Board]) -> str:
    found: dict[str, list[str]] = {"better": [], "worse": []}
    for board, row, verdict in _compared(boards, NLL):
        if verdict in found:
            found[verdict].append(f"{row.label} ({board.title})")
    better = ", ".join(found["better"]) or "none"
    worse = ", ".join(found["worse"]) or "none"
    return f"better than the VAE: {better}; worse: {worse}."


def _by_information(boards: Sequence[Board]) -> str:
    """Returns, for each table, the row with more information than the VAE that costs least."""
    cheapest: dict[str, tuple[float, str]] = {}
    for board, row, verdict in _compared(boards, MI):
        cost = row.cells[NLL].mean if NLL in row.cells else None
        if verdict != "better" or cost is None:
            continue  # only rows that use z with every seed have a verdict
        text = f"{row.label} on {board.title} ({cost:+.2f} nats of NLL)"
        cheapest[board.title] = min((cost, text), cheapest.get(board.title, (cost, text)))
    listed = ", ".join(text for _, text in cheapest.values())
    return (
        "more information than the VAE's, at the least cost of likelihood: "
        f"{listed or 'no method, in any table'}."
    )


def _across(found: Across) -> tuple[str, str]:
    return (
        f"Across the {found.tracks} whole tracks that have {found.method}",
        f"better than the VAE in {found.better} of them; the probability that a run of it has the "
        f"lower NLL is {found.improvement:.2f} [{found.low:.2f}, {found.high:.2f}] (stratified "
        "bootstrap over the runs of each track, 95 %).",
    )
