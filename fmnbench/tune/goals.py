"""What a study is after: a front, the likelihood alone, or information at a bounded likelihood."""

import dataclasses
import re
from typing import Literal

from fmnbench.errors import UsageError

Kind = Literal["front", "nll", "mi"]
BOUNDED = re.compile(r"mi\s+s\.t\.\s+nll\s*<=\s*vae\s*\+\s*([0-9.eE+-]+)")
ALLOWED = 'front, nll or "mi s.t. nll <= vae + X"'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Goal:
    """By what trials are proposed and one is chosen.

    `margin` is how many nats the NLL may be worse than the plain VAE's; None for that of the
    kind of data.
    """

    kind: Kind = "front"
    margin: float | None = None

    def __str__(self) -> str:
        return self.kind if self.kind != "mi" else f"mi s.t. nll <= vae + {self.margin:g}"


def goal_of(text: str) -> Goal:
    """Returns the goal that a text states; UsageError for another text."""
    if text in ("front", "nll"):
        return Goal(kind="front" if text == "front" else "nll")
    found = BOUNDED.fullmatch(text.strip())
    try:
        margin = float(found[1]) if found else -1.0
    except ValueError:
        margin = -1.0
    if not 0 <= margin < float("inf"):
        raise UsageError(f"--goal is '{text}'; it must be {ALLOWED}, X nats, 0 or above.")
    return Goal(kind="mi", margin=margin)
