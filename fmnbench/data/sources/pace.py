"""The pace below which a server is given up, however steadily it sends."""

import dataclasses

LEAST_RATE = 1_000.0  # bytes a second; a modem is faster, and 30 MB would take 8 hours
WINDOW = 60.0  # seconds over which a rate is taken: twice those after which a server has stalled
LONGEST = 24 * 3600.0  # seconds of one download; the largest archives take minutes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pace:
    """The least that a server must send: `least` bytes a second in each `window` of seconds.

    The answer's head has a window too. A download takes at most `longest` seconds.
    """

    least: float = LEAST_RATE
    window: float = WINDOW
    longest: float = LONGEST


DEFAULT = Pace()
