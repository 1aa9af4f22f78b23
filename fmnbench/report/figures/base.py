"""What all figures share: colours and markers of methods, and how an SVG is written."""

import dataclasses
import hashlib
import io
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fmnbench.board import Row
from fmnbench.board.labels import VAE, method_parts
from fmnbench.printable import printable

if TYPE_CHECKING:  # only who draws waits for it, and needs it installed
    from matplotlib.figure import Figure
    from matplotlib.typing import RcKeyType

# After Okabe & Ito 2008, safe for the colour-blind; each at least 3 : 1 on white and on black
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#A87D00", "#3A8FC8", "#8E6BBF")
GREY, PALE, INK = "#7A7A7A", "#8C8C8C", "#757575"  # of references, of the grid, and of texts
FAINT = 0.3  # opacity of the grid
METHODS = {  # one look everywhere; other methods find theirs by their name
    "VAE": (COLORS[0], "o"),
    "self": (COLORS[1], "s"),
    "neural": (COLORS[2], "^"),
    "hybrid": (COLORS[3], "D"),
    "beta": (COLORS[4], "v"),
}
MARKERS = ("P", "X", "*", "<", ">", "p", "h")  # of other methods
STYLES = ("-", "--", "-.", ":")  # of a method's rows in one figure, in turn
FILLS = ("full", "none", "left", "right")  # the same, of markers
LONGEST, KEPT = 56, 20  # characters of a name, and of its end where it is cut
LOOK: "dict[RcKeyType, object]" = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, which prefers its own file
    "font.size": 10,  # points
    "svg.fonttype": "path",  # outlines: a reader's machine need not have the font
    "svg.hashsalt": "fmnbench",  # the same identifiers each time
    "text.parse_math": False,  # a name may contain dollars
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor"), INK),
    **dict.fromkeys(("xtick.color", "ytick.color"), INK),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Look:
    """The colour, marker, line style and filling of a row."""

    color: str
    marker: str
    style: str
    fill: str


def method(row: Row) -> str:
    """Returns what a row's look belongs to: its critic, its objective, or both."""
    return "+".join(method_parts(row.task)) or VAE


def look_of(name: str) -> tuple[str, str]:
    """Returns the colour and marker of a method, the same in every figure."""
    if name in METHODS:
        return METHODS[name]
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    turn, place = divmod(number, len(COLORS))
    return COLORS[place], MARKERS[turn % len(MARKERS)]


def looks(rows: Sequence[Row]) -> list[Look]:
    """Returns the looks of a figure's rows; those of one method differ in line and filling."""
    met: dict[tuple[str, str], int] = {}
    found = []
    for row in rows:
        color, marker = look_of(method(row))
        turn = met.get((color, marker), 0)
        met[color, marker] = turn + 1
        fill = FILLS[(turn + turn // len(STYLES)) % len(FILLS)]
        found.append(Look(color=color, marker=marker, style=STYLES[turn % len(STYLES)], fill=fill))
    return found


def shortened(text: str) -> str:
    """Returns a name for a legend: cut in the middle, as λ stands at the end."""
    text = printable(text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - KEPT]}…{text[-KEPT:]}"


def svg(draw: "Callable[[Figure], None]", size: tuple[float, float], title: str) -> str:
    """Returns a figure of a size in inches, drawn on nothing: the page shows through.

    The same drawing gives the same bytes, whatever matplotlib is set to.
    """
    import matplotlib
    from matplotlib.figure import Figure

    file = io.StringIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # of a script that the font has not: a box
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(LOOK)
        figure = Figure(figsize=size)
        draw(figure)
        metadata = {"Title": printable(title), "Date": None, "Creator": None}
        figure.savefig(file, format="svg", metadata=metadata, transparent=True)
    return file.getvalue()
