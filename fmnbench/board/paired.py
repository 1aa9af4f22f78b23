"""Two rows of a table, test row by test row: what seeds leave open, and what test rows do."""

import dataclasses
import math
from typing import TYPE_CHECKING

from fmnbench.board.verdicts import Sample, half_width, sample, standard_error

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


NORMAL = 1.959964  # half the width of a normal's 95 % interval, in standard errors


@dataclasses.dataclass(frozen=True, kw_only=True)
class Paired:
    """The NLL of a row less that of the plain VAE in nats, from −log p(x) of n test rows.

    `seeds` are the least that either has. `of_seeds` is the standard error of the difference over
    seeds, None for one; `of_rows` that over test rows, None for one row. `half_width` is that of
    the 95 % interval by both; of one seed by the test rows alone: then it is of these two models,
    and says nothing of training again. `share` of the test rows the row wins, ties as half.
    """

    label: str
    seeds: int
    n: int
    difference: float
    of_seeds: float | None
    of_rows: float | None
    half_width: float | None
    share: float


def paired(
    label: str, ours: "NDArray[np.float64]", theirs: "NDArray[np.float64]", *, mixed: bool = False
) -> Paired:
    """Returns how a row compares with another, from −log p(x) of seeds × test rows of each.

    `mixed`: the seeds of one differ in whether they use z, so that no interval of a mean is right.

    SE² = s²/n of the seeds of either row + sd(D)²/N, D the mean over seeds of the difference at
    a test row; degrees of freedom by Satterthwaite. Where runs differ at a test row by chance,
    that part is in both terms: the interval is then too wide, never too narrow.
    """
    differences = ours.mean(0) - theirs.mean(0)
    at_rows = Sample(n=len(differences), mean=float(differences.mean()), std=_std(differences))
    seeds = min(len(ours), len(theirs))
    of_rows = None if at_rows.std is None else at_rows.std / math.sqrt(at_rows.n)
    parts = [sample(each.mean(1).tolist()) for each in (ours, theirs)]
    if seeds > 1:
        over_seeds = standard_error(*parts)
        of_seeds = over_seeds[0] if over_seeds else 0.0
        widths = [half_width(*parts, at_rows), half_width(*parts)]
        # a part with many degrees of freedom may narrow Satterthwaite's interval
        width = max((each for each in widths if each is not None), default=None)
    else:
        of_seeds = None
        width = None if of_rows is None else NORMAL * of_rows
    won = (differences < 0).mean() + (differences == 0).mean() / 2
    return Paired(
        label=label,
        seeds=seeds,
        n=at_rows.n,
        difference=at_rows.mean,
        of_seeds=of_seeds,
        of_rows=of_rows,
        half_width=None if mixed else width,
        share=float(won),
    )


def _std(values: "NDArray[np.float64]") -> float | None:
    return float(values.std(ddof=1)) if len(values) > 1 else None
