"""Boards: what a table shows, as plain values."""

from fmnbench.board.base import Board, Cell, Column, Conclusion, Protocol, Reference, Row
from fmnbench.board.build import boards
from fmnbench.board.conclusions import with_conclusions
from fmnbench.board.equal_information import with_equal_information
from fmnbench.board.labels import value
from fmnbench.board.likelihoods import with_likelihoods
from fmnbench.board.relations import Relations, SmallerCopy

__all__ = [
    "Board",
    "Cell",
    "Column",
    "Conclusion",
    "Protocol",
    "Reference",
    "Relations",
    "Row",
    "SmallerCopy",
    "boards",
    "value",
    "with_conclusions",
    "with_equal_information",
    "with_likelihoods",
]
