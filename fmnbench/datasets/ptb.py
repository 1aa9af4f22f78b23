"""The Penn Treebank's sentences from the Wall Street Journal."""

from fmnbench.data.dataset import CachedTexts
from fmnbench.registry import datasets


@datasets.register(
    "ptb", kind="texts", source="Marcus et al. 1993; Mikolov et al. 2010", licence="LDC", version=1
)
class PTB(CachedTexts):
    """Sentences of the Wall Street Journal, 10,000 words: Mikolov's form of the Penn Treebank."""

    cache_name = "ptb"
