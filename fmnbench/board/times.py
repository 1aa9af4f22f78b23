"""The time that a row takes to train, beside the plain VAE."""

from collections.abc import Mapping

from fmnbench.board.base import Cell, Notes
from fmnbench.board.rows import Line
from fmnbench.board.statistics import mean
from fmnbench.spec import TRAIN_PROCESSOR, Result

BY_CLOCK = "wall-clock time, which includes other work on the machine"


def time_cell(line: Line, plain: Mapping[int, Result], notes: Notes) -> Cell:
    """Returns the training time per that of the plain VAE, the mean over shared seeds."""
    pairs = [(result, plain[seed]) for seed, result in line.results.items() if seed in plain]
    pairs = [
        pair for pair in pairs if all(result.timings.get("train", 0.0) > 0 for result in pair)
    ]
    if not pairs or line.differs:
        return Cell(hole="no training time of a plain VAE to compare with")
    if any(_machine(ours) != _machine(theirs) for ours, theirs in pairs):
        hole = "measured on another device or with another number of threads than the plain VAE"
        return Cell(hole=hole, notes=(notes.add(hole),))
    both = [result for pair in pairs for result in pair]
    # other work on the machine hardly adds to a processor's seconds
    measure = TRAIN_PROCESSOR if all(TRAIN_PROCESSOR in each.timings for each in both) else "train"
    ratios = [ours.timings[measure] / theirs.timings[measure] for ours, theirs in pairs]
    by_clock = measure == "train" and both[0].provenance.device == "cpu"
    marks = (notes.add(BY_CLOCK),) if by_clock else ()
    return Cell(n=len(ratios), mean=mean(ratios), notes=marks)


def _machine(result: Result) -> tuple[str, int]:
    return result.provenance.device_name, result.provenance.threads
