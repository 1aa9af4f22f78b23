"""Boards: what a table shows, as plain values."""

from fmnbench.board.base import Board, Cell, Column, Conclusion, Protocol, Reference, Row
from fmnbench.board.build import boards
from fmnbench.board.conclusions import with_conclusions
from fmnbench.board.labels import value

__all__ = [
    "Board",
    "Cell",
    "Column",
    "Conclusion",
    "Protocol",
    "Reference",
    "Row",
    "boards",
    "value",
    "with_conclusions",
]
