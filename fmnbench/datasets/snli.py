"""Sentences of the Stanford natural language inference corpus."""

from fmnbench.data.dataset import CachedTexts
from fmnbench.registry import datasets


@datasets.register(
    "snli",
    kind="texts",
    source="Bowman et al. 2015, a sample of Li et al. 2019",
    licence="CC BY-SA 4.0",
    version=1,
)
class SNLI(CachedTexts):
    """Short captions from the SNLI corpus, one sentence a document."""

    cache_name = "snli"
