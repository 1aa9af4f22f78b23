"""How to read a page: each word with its definition, once, as far as its tables have it."""

from collections.abc import Iterator, Sequence

from fmnbench.board import Board
from fmnbench.board.base import DELTA
from fmnbench.report.cells import HOLE
from fmnbench.report.numbers import percent

COLUMNS = {  # a metric -> the words that it is explained by, and their definition
    "nll": (
        "NLL",
        "negative log-likelihood per test row in nats, importance-weighted with K samples; "
        "normalised, so a Gaussian decoder keeps its constant.",
    ),
    "best.nll": (
        "NLL, best epoch",
        "that of the epoch with the best bound on validation rows; all other columns are of the "
        "weights that training ended with.",
    ),
    "ppl": ("PPL", "perplexity per predicted word, end of text counted, at the mean NLL."),
    "reconstruction_at_prior": (
        "Reconstruction at prior z",
        "that of test rows at z ~ p(z), not the posterior's: what it exceeds NLL by is what z is "
        "worth to the decoder.",
    ),
    "mi_lower": (
        "MI lower–upper",
        "a bracket of the mutual information between x and z over the whole test set, in nats; "
        "MI lower cannot exceed log n.",
    ),
    "mi_batch": (
        "MI batch",
        "the estimate within minibatches (He et al. 2019), at most log batch size in expectation.",
    ),
    "au": ("AU", "latent dimensions whose posterior mean has a variance above 0.01 over rows."),
    "density": (
        "Density, coverage",
        "of draws from the prior among test rows (Naeem et al. 2020, k = 5), in an embedding that "
        "no model changes. Their target is the value of real data, where training rows replace "
        "the draws.",
    ),
    "time": (
        "Time",
        "training time (CPU time on a CPU) divided by that of the plain VAE.",
    ),
    "report.nll": (
        "As published",
        "by the conventions of the project report, not those of the field: NLL is not a "
        "likelihood; AU also counts collapsed dimensions; density and coverage are computed in "
        "the model's own latent space; MI is the estimate within minibatches.",
    ),
}


def reading(boards: Sequence[Board]) -> tuple[tuple[str, str], ...]:
    """Returns words and what they mean, of what some table shows."""
    return tuple(_reading(boards))


def _reading(boards: Sequence[Board]) -> Iterator[tuple[str, str]]:
    shown = {column.metric for board in boards for column in board.columns}
    cells = [cell for board in boards for row in board.rows for cell in row.cells.values()]
    yield "Arrows", "↓ lower is better; ↑ higher is better; → the nearest to that value is best."
    if any(len(board.seeds) > 1 for board in boards):
        yield from _tests(boards, shown)
    if any(cell.middle for cell in cells):
        yield (
            "Median [lowest, highest]",
            "in place of mean (std) where the seeds of a row differ in whether they use z.",
        )
    if any(cell.hole for cell in cells):
        yield HOLE, "a hole; no mean is taken over the remaining seeds."
    yield from (words for metric, words in COLUMNS.items() if metric in shown)
    if any(board.references for board in boards):
        yield (
            "Without z",
            "the latent-free reference is the best prediction without a latent: a constant, or a "
            "trained model. A row that does not beat the constant has learned nothing.",
        )
    if any(board.is_compared for board in boards):
        yield (
            "Published",
            "below ours; after it ours − published ± half of the 95 % Welch interval, without one "
            "where a spread is not known. Order reversed: the row is on the other side of the VAE "
            "than in the publication.",
        )


def _tests(boards: Sequence[Board], shown: set[str]) -> Iterator[tuple[str, str]]:
    error = boards[0].error
    level, narrow = percent(1 - error), percent(1 - 2 * error)
    yield (
        "Bold",
        f"a set that holds the best row of the column with {level} confidence; each row outside "
        f"it is worse than some row (one-sided Welch test, {percent(error)} divided by the number "
        "of other rows). Rows that have learned nothing, or ignore z with every seed, do not "
        "count. A column is not decided where no row can be left out, and saturated where all "
        "values lie within 5 % of its ceiling.",
    )
    if any(metric.startswith(DELTA) for metric in shown):
        yield (
            "Δ",
            f"difference from the plain VAE ± half of its {level} Welch interval. Better, worse: "
            f"at {percent(error)} over all rows (Holm). Same: the {narrow} interval lies within a "
            "margin that the table's scales state. Open: neither; in brackets the seeds of each "
            "row that are expected to decide it.",
        )
