"""What a board consists of: columns, rows of cells, reference rows and footnotes."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

from fmnbench.board.equal import EqualInformation
from fmnbench.board.paired import Paired
from fmnbench.board.published import Published
from fmnbench.board.relations import Superseded
from fmnbench.board.verdicts import ERROR, Verdict
from fmnbench.spec import Task, Track

Protocol = Literal["standard", "as-published"]
Better = Literal["lower", "higher"]
Found = Literal["holds", "opposite", "not seen", "one seed", "not run"]
TIME = "time"  # a column that is no metric of a record
DELTA = "delta."  # starts the name of a column of differences from the plain VAE


@dataclasses.dataclass(frozen=True, kw_only=True)
class Column:
    """A metric, by its name in records; `better` is None where neither direction is a gain.

    A metric with a `target` is judged by its distance from that value, in either direction.
    """

    metric: str
    unit: str
    better: Better | None
    target: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Beside:
    """Our mean beside a published one of the same experiment.

    `difference` is ours − published, `half_width` that of its 95 % Welch interval, None where a
    spread is unknown or both are 0. `is_reversed`: the row is on the other side of the plain VAE
    than in the publication.
    """

    difference: float
    half_width: float | None
    is_reversed: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """One row's value of one metric over all seeds of the table, or a hole with its reason.

    `half_width` is that of the 95 % confidence interval of the mean. `bold` cells are a set that
    holds the best row of the column with 95 % confidence. `middle` has median, lowest and highest
    value where the row's seeds differ in whether they use z. `notes` are footnote numbers. A cell
    of a difference from the plain VAE has a `verdict`, and the `seeds` that would decide an open
    one. `beside` compares the mean with what was published. An `outdated` cell has values by a
    definition of the past; it is compared with nothing.
    """

    n: int = 0
    mean: float | None = None
    std: float | None = None
    half_width: float | None = None
    hole: str | None = None
    bold: bool = False
    middle: tuple[float, float, float] | None = None
    verdict: Verdict | None = None
    seeds: int | None = None
    notes: tuple[int, ...] = ()
    published: Published | None = None
    beside: Beside | None = None
    outdated: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """A task: its cells by metric, and the keys of its records by seed, failed ones included.

    A `stale` row was made from other data or by other versions than the newest records; it is
    compared with nothing. A `ranked` row has all its seeds, has learned something and uses z with
    a seed at least; others are shown, and never bold. Its decoder uses z with `using` seeds;
    `mixed`: with some and not with others.
    """

    label: str
    task: Task
    records: Mapping[int, str]
    cells: Mapping[str, Cell]
    notes: tuple[int, ...] = ()
    stale: bool = False
    ranked: bool = False
    mixed: bool = False
    using: int = 0

    @property
    def is_plain(self) -> bool:
        """Whether it is the plain VAE."""
        return (self.task.critic, self.task.objective) == ("none", "elbo")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reference:
    """A row that no method made, for scale; `n` is the number of records that hold it."""

    label: str
    n: int
    means: Mapping[str, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conclusion:
    """A published difference between a critic's row and the plain VAE's, and what became of it.

    `metric` is what was published, `definition` the field's metric of that name, `ours` the mean
    of our differences in it over the seeds of the table `judge`, None where it lacks runs.
    """

    label: str
    metric: str
    definition: str
    published: float
    judge: str
    ours: float | None
    verdict: Found


@dataclasses.dataclass(frozen=True, kw_only=True)
class Board:
    """One table: the rows of one track.

    `seeds` are those that all rows are compared by, `left_out` those that only some rows have.
    `ceilings` are what a metric cannot exceed, in nats; `notes[0]` is footnote 1. Of `undecided`
    metrics no row can be left out as worse than another; of `saturated` ones all values are near
    the ceiling. `margins` are the differences from the plain VAE that count as none, and
    `error` the rate at which verdicts and bold cells may err. A
    `superseded` track is shown and not run any more. `likelihoods` compare rows with the plain
    VAE, test row by test row, where their runs kept −log p(x) of each; `equal_information` at
    equal rates, where they were run at several. `runs` of a whole track are the NLL of each run by
    the label of its row.
    """

    title: str
    track: Track
    protocol: Protocol
    seeds: tuple[int, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    references: tuple[Reference, ...] = ()
    ceilings: Mapping[str, float] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    conclusions: tuple[Conclusion, ...] = ()
    left_out: tuple[int, ...] = ()
    undecided: tuple[str, ...] = ()
    saturated: tuple[str, ...] = ()
    margins: Mapping[str, float] = dataclasses.field(default_factory=dict)
    error: float = ERROR
    superseded: Superseded | None = None
    likelihoods: tuple[Paired, ...] = ()
    equal_information: EqualInformation | None = None
    runs: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)

    @property
    def plain(self) -> Row | None:
        """The row of the plain VAE, unless it is stale."""
        return next((row for row in self.rows if row.is_plain and not row.stale), None)

    @property
    def is_compared(self) -> bool:
        """Whether published values stand beside ours."""
        return any(cell.published for row in self.rows for cell in row.cells.values())


class Notes:
    """Footnotes, numbered as they come; the same text is one footnote."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def add(self, text: str) -> int:
        """Returns the number of a footnote, the first being 1."""
        return self._numbers.setdefault(text, len(self._numbers) + 1)

    @property
    def texts(self) -> tuple[str, ...]:
        """All footnotes in the order of their numbers."""
        return tuple(self._numbers)
