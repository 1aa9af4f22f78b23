"""The table of likelihoods by test row: two sources of error, and the rows that a method wins."""

from fmnbench.board import Board
from fmnbench.board.paired import Paired
from fmnbench.report.base import TextTable
from fmnbench.report.cells import HOLE
from fmnbench.report.numbers import within

HEADS = ("method", "Δ NLL (nats)", "SE of seeds", "SE of test rows", "test rows won")
BOTH = (
    "Δ NLL: row − VAE with the 95 % interval of both sources of error, SE² = s²/n of either "
    "row's seeds + sd(D)²/N of the {n:,} test rows, D the mean over seeds of the difference at "
    "a test row; more test rows do not shrink the part of the seeds. Verdicts are by the seeds "
    "alone. Won: test rows to which the method gives more likelihood than the VAE."
)
ONE = (
    "Of one seed: these two models differ by Δ ± 1.96 SE over {n:,} test rows. It says nothing of "
    "training again, so there is no verdict on methods. Won: test rows to which the model gives "
    "more likelihood than that of the VAE."
)


def likelihoods(board: Board) -> TextTable | None:
    """Returns the table, None where no two rows have kept their likelihoods."""
    if not board.likelihoods:
        return None
    first = board.likelihoods[0]
    return TextTable(
        title="Likelihood by test row",
        heads=HEADS,
        lines=tuple(map(_line, board.likelihoods)),
        explained=(ONE if first.seeds == 1 else BOTH).format(n=first.n),
    )


def _line(row: Paired) -> tuple[str, ...]:
    return (
        row.label,
        f"{row.difference:+.2f}{within(row.half_width)}",
        HOLE if row.of_seeds is None else f"{row.of_seeds:.3f}",
        HOLE if row.of_rows is None else f"{row.of_rows:.3f}",
        f"{row.share:.1%}",
    )
