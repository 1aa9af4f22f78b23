"""Tables below that of a track: each a function of a board, for every format."""

from collections.abc import Iterator

from fmnbench.board import Board
from fmnbench.report.base import TextTable
from fmnbench.report.equal_information import equal_information
from fmnbench.report.likelihoods import likelihoods


def appended(board: Board) -> Iterator[TextTable]:
    """Yields the tables that a track has besides its main one."""
    for table in (likelihoods(board), equal_information(board)):
        if table is not None:
            yield table
