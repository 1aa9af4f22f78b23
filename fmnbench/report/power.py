"""The table of open contrasts: how many seeds would decide each, and what they cost."""

import dataclasses
import json
from collections.abc import Sequence

from fmnbench.board.power import Need
from fmnbench.report.base import TextTable
from fmnbench.report.cells import HOLE
from fmnbench.report.headings import short_name
from fmnbench.report.markdown import table_lines
from fmnbench.report.numbers import within

TITLE = "What certainty costs"
NOTHING = "No contrast with the VAE is open."
EXPLAINED = (
    "Seeds: of either row, expected to decide the contrast at 80 % power if the values so far are "
    "true ({hole}: more than 1,000). Time: of the runs to be added, row and VAE, as long as those "
    "in the records took, one after another; rows of one table share those of the VAE. The "
    "cheapest first: fmnbench run --seeds N carries them out."
)


def power(needs: Sequence[Need]) -> TextTable:
    """Returns the table; without lines where every contrast is decided."""
    return TextTable(
        title=TITLE,
        heads=("track", "method", "metric", "Δ (nats)", "seeds", "would decide", "runs", "time"),
        lines=tuple(map(_line, needs)),
        explained=EXPLAINED.format(hole=HOLE) if needs else NOTHING,
    )


def as_markdown(needs: Sequence[Need]) -> str:
    """Returns the table as a section of Markdown."""
    return "\n".join(table_lines(power(needs)))


def as_json(needs: Sequence[Need]) -> str:
    """Returns a list of contrasts as indented JSON, seconds as numbers."""
    data = [dataclasses.asdict(need) for need in needs]
    return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _line(need: Need) -> tuple[str, ...]:
    return (
        need.track,
        need.row,
        short_name(need.metric),
        f"{need.difference:+.2f}{within(need.half_width)}",
        str(need.has),
        HOLE if need.seeds is None else f"{need.seeds:,}",
        HOLE if need.runs is None else f"{need.runs:,}",
        HOLE if need.seconds is None else _hours(need.seconds),
    )


def _hours(seconds: float) -> str:
    """Returns a time in hours, or in minutes below two of them."""
    return f"{seconds / 3600:,.1f} h" if seconds >= 7200 else f"{seconds / 60:.1f} min"
