"""A small table of texts, as every format shows it."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextTable:
    """Lines under heads, the first column named by its row, with sentences that explain them."""

    title: str
    heads: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    explained: str
