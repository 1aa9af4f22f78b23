"""The sentences around a table: what is held fixed, how to read a cell, where the rest is."""

from collections.abc import Iterable, Iterator

from fmnbench.board import Board, Column, Conclusion, value
from fmnbench.board.base import DELTA
from fmnbench.board.published import Published
from fmnbench.report.base import name, short_name
from fmnbench.spec import Settings

PICTURES = (
    "Test images, their reconstructions and, below them, draws from the prior (decoder means, or "
    "samples where a decoder has no mean); first seed."
)
OVERVIEW = (
    "Each cell: the difference from the plain VAE in NLL (nats) ± half of its 95 % Welch "
    "interval, its verdict, and in how many seeds the decoder uses z. VAE and without z: the NLL "
    "itself."
)
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


def legend(board: Board, bold: str) -> str:
    """Returns how to read a cell; `bold` is how the text shows a bold one."""
    n = len(board.seeds)
    seeds = ", ".join(map(str, board.seeds[:MOST_SEEDS])) + (", …" if n > MOST_SEEDS else "")
    kind = "population" if board.protocol == "as-published" else "sample"
    if n == 0:
        return "No run of this table has been made yet."
    if n == 1:
        parts = [f"Values of n = 1 seed ({seeds}): neither a spread nor a test is possible."]
    else:
        parts = [f"Mean ({kind} std) over n = {n} seeds ({seeds})."]
        parts += _ranking(board, bold)
    if board.left_out:
        is_one = len(board.left_out) == 1
        verb, them = ("is", "it") if is_one else ("are", "them")
        listed = ", ".join(map(str, board.left_out))
        parts.append(
            f"Seed{'' if is_one else 's'} {listed} {verb} left out, as some rows lack {them}."
        )
    targets = any(column.target is not None for column in board.columns)
    to_target = "; →: the value of real data, nearest is best" if targets else ""
    parts.append(f"↓: lower is better; ↑: higher is better{to_target}.")
    if any(cell.hole for row in board.rows for cell in row.cells.values()):
        parts.append("—: a hole; no mean is taken over the remaining seeds.")
    return " ".join(parts)


def _ranking(board: Board, bold: str) -> Iterator[str]:
    """Yields how rows are told apart, as far as the table does so."""
    cells = [cell for row in board.rows for cell in row.cells.values()]
    if any(cell.bold for cell in cells):
        yield (
            f"{bold}: a set that holds the best row of the column with 95 % confidence; each row "
            "outside it is worse than some row (one-sided Welch test, 5 % divided by the number "
            "of other rows). Rows that have learned nothing, or ignore z with every seed, do not "
            "count."
        )
    names = [short_name(metric) for metric in board.undecided]
    if names:
        yield f"Not decided at n = {len(board.seeds)}: {', '.join(names)}."
    names = [short_name(metric) for metric in board.saturated]
    if names:
        yield f"Saturated, all values within 5 % of the ceiling: {', '.join(names)}."
    deltas = [column.metric.removeprefix(DELTA) for column in board.columns if _is_delta(column)]
    if deltas:
        margins = ", ".join(f"{board.margins[each]:g} ({short_name(each)})" for each in deltas)
        yield (
            "Δ: difference from the VAE ± half of its 95 % Welch interval. Better, worse: at 5 % "
            f"over all rows (Holm). Same: the 90 % interval lies within ± {margins} nats. Open: "
            "neither (in brackets the seeds of each row that are expected to decide it)."
        )
    if any(cell.middle for cell in cells):
        yield "Where seeds differ in whether they use z: median [lowest, highest]."


def _is_delta(column: Column) -> bool:
    return column.metric.startswith(DELTA)


def definitions(board: Board) -> str:
    """Returns what the columns mean, as far as their names do not say it."""
    shown = {column.metric for column in board.columns}
    parts = []
    if "nll" in shown:
        parts.append(f"NLL is importance-weighted with K = {board.track.nll_samples} samples.")
    if "best.nll" in shown:
        parts.append(
            "Best epoch: that with the best bound on validation rows; all other columns are of "
            "the weights that training ended with."
        )
    if "reconstruction_at_prior" in shown:
        parts.append(
            "Reconstruction at prior z is that of test rows at z ~ p(z), not the posterior's: "
            "what it exceeds NLL by is what z is worth to the decoder."
        )
    if "mi_lower" in shown:
        parts.append(
            "MI lower and MI upper bracket the mutual information between x and z over the whole "
            f"test set{_ceiling(board, 'mi_ceiling', 'log n', ', MI lower at most')}; MI batch is "
            "the estimate within minibatches"
            f"{_ceiling(board, 'mi_batch_ceiling', 'log batch size')}."
        )
    if "report.mi" in shown:
        parts.append(
            "This table follows the conventions of the project report, not those of the field: "
            "NLL is not a likelihood; AU also counts collapsed dimensions; density and coverage "
            "are computed in the model's own latent space; MI is the estimate within minibatches"
            f"{_ceiling(board, 'mi_batch_ceiling', 'log batch')}."
        )
    if "time" in shown:
        parts.append(
            "Time is the training time (CPU time on a CPU) divided by that of the plain VAE."
        )
    if board.references:
        parts.append(
            "The latent-free reference is the best prediction without z; a model that does not "
            "beat it has learned nothing. Real against real: training rows replace the draws."
        )
    return " ".join(parts)


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
    verdicts = (
        "After it: ours − published ± half of the 95 % Welch interval, without one where a spread "
        "is not known. Order reversed: the row is on the other side of the VAE than in the "
        "publication."
    )
    judged = f"The experiments differ: {'; '.join(others)}." if others else verdicts
    return [
        f"Published: {'; '.join(_once(map(_source, published)))}. {judged}",
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
        f"definitions (table {board.conclusions[0].judge}; Welch's test over the seeds, 5 %, "
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
        if cell is not None and name(column) not in columns.setdefault(cell.estimator, []):
            columns[cell.estimator].append(name(column))
    texts = [f"{', '.join(names)}: {estimator}" for estimator, names in columns.items()]
    return [f"Definitions of the published metrics: {'; '.join(texts)}."]


def _source(cell: Published) -> str:
    return f"{cell.source}, {cell.table}, mean ({cell.std_kind} std) over {cell.runs} runs"


def _once(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _ceiling(board: Board, metric: str, formula: str, lead: str = ", at most") -> str:
    if metric not in board.ceilings:
        return ""
    return f"{lead} {formula} = {board.ceilings[metric]:.2f}"


def _component(component: str, settings: Settings) -> str:
    listed = ", ".join(f"{key} {value(settings[key], DIGITS)}" for key in sorted(settings))
    return f"{component} ({listed})" if listed else component
