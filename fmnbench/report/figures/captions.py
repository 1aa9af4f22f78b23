"""What the figures of a board are called and what they show."""

import math
from collections.abc import Callable, Mapping

from fmnbench.board import Board
from fmnbench.spec import digest

INFORMATION, TRADEOFFS, EQUAL = (
    "information",
    "tradeoffs",
    "equal-information",
)  # kinds, and names of files
OVERVIEW_FILE = "overview.svg"
OVERVIEW_ALT = "likelihood against information"
OVERVIEW = (
    "NLL against MI lower, in nats, of each track: better is further down, more information "
    "further right. Small points: seeds; large: means. Dashed: the best without z, where it is "
    "near. Runs that are far worse than a constant prediction are left out."
)


def ceiling(board: Board) -> float:
    """Returns what the information within minibatches cannot exceed in expectation, in nats."""
    return math.log(board.track.batch_size)


def file_name(board: Board, kind: str) -> str:
    """Returns the name of a board's figure, its own where two tracks have one name."""
    if board.title == board.track.name:
        return f"{kind}.svg"
    return f"{kind}-{digest(board.track.identity)[:8]}.svg"


def information(board: Board) -> str:
    """Returns what a board's information by epoch shows, beyond what all such figures do."""
    n = len(board.seeds)
    of = f"n = {n} seed{'s' * (n > 1)} ({', '.join(map(str, board.seeds))})"
    mean = (
        f"mean over {of}, or over fewer where the legend says so" if n > 1 else f"values of {of}"
    )
    return (
        f"at most log batch size = log {board.track.batch_size} = {ceiling(board):.2f} in "
        f"expectation (dashed); {mean}."
    )


def seeds(board: Board) -> str:
    """Returns of which seeds a figure is; all else is the same for all figures of its kind."""
    n = len(board.seeds)
    return f"n = {n} seed{'s' * (n > 1)} ({', '.join(map(str, board.seeds))})."


KINDS: Mapping[str, tuple[str, Callable[[Board], str]]] = {  # with the text that stands for each
    TRADEOFFS: ("likelihood, information and time", seeds),
    INFORMATION: ("information by epoch", information),
    EQUAL: ("likelihood at equal information", seeds),
}
READING = (  # what all figures of a kind show
    (
        "Likelihood, information and time",
        "NLL against MI lower; reconstruction against KL, which add up to the bound, with a sweep "
        "of β as a line; NLL against training time; KL on validation rows by epoch, which bounds "
        "the information from above and never saturates. Small points: seeds; large: means. "
        "Dashed: the best without z, where it is near.",
    ),
    (
        "Information by epoch",
        "MI batch of validation rows. Line: mean over the seeds; band: their range. After the "
        "first seed has stopped, thin lines show the other seeds.",
    ),
    (
        "Likelihood at equal information",
        "NLL by KL of methods that were run at several settings. Small points: seeds; line: "
        "through their means.",
    ),
)
