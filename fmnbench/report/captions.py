"""The sentences around a table: what is held fixed, how to read a cell, where the rest is."""

from collections.abc import Iterable, Iterator

from fmnbench.board import Board, Column, Conclusion, value
from fmnbench.board.base import DELTA
from fmnbench.board.published import Published
from fmnbench.report.headings import short_name
from fmnbench.report.numbers import percent
from fmnbench.spec import Settings

PICTURES = (
    "Test images, their reconstructions and, below them, draws from the prior (decoder means, or "
    "samples where a decoder has no mean); first seed."
)
OVERVIEW = (
    "Each cell: the difference from the plain VAE in NLL (nats) ± half of its Welch interval, its "
    "verdict, and in how many seeds the decoder uses z. VAE and without z: the NLL itself."
)
TEXTS = "Generated texts"  # leads to the pages of models of texts
FOLDED = "All columns, records, notes and settings"
NO_RECORDS = "There are no records yet."
PUBLISHED = "Published tables, re-run"
APPENDIX = "Appendix: one seed, changed settings, superseded"
READING = "How to read this page"
VERDICTS = {
    "holds": "confirmed",
    "opposite": "contradicted by the opposite difference",
    "not seen": "not detected",
    "one seed": "not testable with one seed",
}
DIGITS = 4  # significant ones of a setting: temperature 2.659, not 2.659260036932778
MOST_SEEDS = 10  # that are listed one by one


def title(board: Board) -> str:
    """Returns a table's heading: two tables of one track differ in their protocol."""
    return board.title + (", as published" if board.protocol == "as-published" else "")


def held_fixed(board: Board) -> str:
    """Returns what all rows of a table share, and the track that replaces theirs, if one does."""
    track = board.track
    watched = "improvement" if track.patience_watches == "loss" else "a better ELBO"
    pause = f", early stopping after {track.patience} validations without {watched}"
    halved = (
        f" halved at the best weights after {track.plateau} validations with a worse ELBO, "
        f"after epoch {track.plateau_from}, at most {track.halvings} times"
    )
    pool = f", texts of similar length from pools of {track.length_pool} batches"
    parts = [
        f"dataset {_component(track.dataset, track.dataset_settings)}",
        f"architecture {_component(track.architecture, track.architecture_settings)}",
        f"{track.epochs} epoch{'s' * (track.epochs > 1)}" + (pause if track.patience else ""),
        f"batch size {track.batch_size}" + (pool if track.length_pool else ""),
        f"{track.optimizer} with learning rate {track.learning_rate:g}"
        + (halved if track.plateau else "")
        + (f" and weight decay {track.weight_decay:g}" if track.weight_decay else ""),
        *([f"gradient norm at most {track.gradient_clip:g}"] if track.gradient_clip else []),
        track.precision,
    ]
    old = board.superseded
    replaced = f" Replaced by the track {old.by}: {old.reason}." if old else ""
    return f"Held fixed: {'; '.join(parts)}.{replaced}"


def methods(board: Board) -> str:
    """Returns all settings of the critics that a table compares, "" if none has any."""
    found = _once(
        _component(row.task.critic, row.task.critic_settings)
        for row in board.rows
        if row.task.critic_settings and row.records
    )
    return f"Critics: {'; '.join(found)}." if found else ""


def compared(board: Board) -> str:
    """Returns by which seeds the rows are compared, and which columns decide nothing."""
    n = len(board.seeds)
    if n == 0:
        return ""
    kind = "population" if board.protocol == "as-published" else "sample"
    many = n > MOST_SEEDS
    seeds = ", ".join(map(str, board.seeds[:MOST_SEEDS])) + (", …" if many else "")
    parts = [f"Mean ({kind} std) over n = {n} seeds ({seeds})."]
    if n == 1:
        parts = [f"Values of n = 1 seed ({seeds}): neither a spread nor a test is possible."]
    parts += _undecided(board)
    if board.left_out:
        is_one = len(board.left_out) == 1
        verb, them = ("is", "it") if is_one else ("are", "them")
        listed = ", ".join(map(str, board.left_out))
        parts.append(
            f"Seed{'' if is_one else 's'} {listed} {verb} left out, as some rows lack {them}."
        )
    return " ".join(parts)


def _undecided(board: Board) -> Iterator[str]:
    """Yields which columns tell no rows apart, and why."""
    names = [short_name(metric) for metric in board.undecided]
    if names:
        yield f"Not decided at n = {len(board.seeds)}: {', '.join(names)}."
    names = [short_name(metric) for metric in board.saturated]
    if names:
        yield f"Saturated: {', '.join(names)}."


def scales(board: Board) -> str:
    """Returns the numbers by which a table's values are read: samples, ceilings, margins."""
    shown = {column.metric for column in board.columns}
    parts = []
    if "nll" in shown:
        parts.append(f"K = {board.track.nll_samples} samples for NLL")
    for metric, words in (("mi_ceiling", "MI lower"), ("mi_batch_ceiling", "MI batch")):
        if metric in board.ceilings and (metric, words) in _ceilings(shown):
            of = "log n" if metric == "mi_ceiling" else "log batch size"
            parts.append(f"{words} at most {of} = {board.ceilings[metric]:.2f}")
    deltas = [name.removeprefix(DELTA) for name in sorted(shown) if name.startswith(DELTA)]
    if deltas:
        margins = ", ".join(
            f"{board.margins[each]:g} ({short_name(each)})" for each in reversed(deltas)
        )
        parts.append(f"the same is a difference within ± {margins} nats")
    return f"Scales: {'; '.join(parts)}." if parts else ""


def _ceilings(shown: set[str]) -> Iterator[tuple[str, str]]:
    if "mi_lower" in shown:
        yield "mi_ceiling", "MI lower"
    if shown & {"mi_batch", "report.mi"}:
        yield "mi_batch_ceiling", "MI batch"


def sources(board: Board) -> list[str]:
    """Returns where the published values stand and what they are, none if there are none."""
    cells = [
        (column, cell.published)
        for row in board.rows
        for column in board.columns
        if (cell := row.cells[column.metric]).published is not None
    ]
    if not cells:
        return []
    published = [cell for _, cell in cells if cell is not None]
    others = _once(cell.differs for cell in published if cell.differs)
    differ = f" The experiments differ: {'; '.join(others)}." if others else ""
    return [
        f"Published: {'; '.join(_once(map(_source, published)))}.{differ}",
        *_estimators(cells),
    ]


def conclusions(board: Board) -> str:
    """Returns what the source concludes of the critics and whether it holds, "" if untested."""
    rows: dict[str, list[str]] = {}
    untested: dict[str, None] = {}
    for each in board.conclusions:
        if each.verdict == "not run":
            untested[each.label] = None
        else:
            rows.setdefault(each.label, []).append(_conclusion(each))
    if not rows:
        return ""
    parts = [f"{label}: {', '.join(claims)}" for label, claims in rows.items()]
    parts += [f"not tested yet: {', '.join(untested)}"] if untested else []
    texts = "; ".join(parts)
    return (
        "Published differences between critics and the plain VAE, tested by the field's "
        f"definitions (table {board.conclusions[0].judge}; Welch's test over the seeds, "
        f"{percent(board.error)}, "
        f"Holm-corrected; in brackets: our difference): {texts}."
    )


def _conclusion(each: Conclusion) -> str:
    metric = short_name(each.metric)
    said = f"{'higher' if each.published > 0 else 'lower'} {metric} {VERDICTS[each.verdict]}"
    assert each.ours is not None
    ours = short_name(each.definition)
    return f"{said} ({f'{ours} ' if ours != metric else ''}{each.ours:+.3g})"


def _estimators(cells: Iterable[tuple[Column, Published | None]]) -> list[str]:
    columns: dict[str, list[str]] = {}
    for column, cell in cells:
        if cell is not None:
            columns.setdefault(cell.estimator, []).append(short_name(column.metric))
    texts = [f"{', '.join(_once(names))}: {said}" for said, names in columns.items()]
    return [f"Definitions of the published metrics: {'; '.join(texts)}."]


def _source(cell: Published) -> str:
    return f"{cell.source}, {cell.table}, mean ({cell.std_kind} std) over {cell.runs} runs"


def _once(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _component(component: str, settings: Settings) -> str:
    listed = ", ".join(f"{key} {value(settings[key], DIGITS)}" for key in sorted(settings))
    return f"{component} ({listed})" if listed else component
