"""Sentences of the Stanford natural language inference corpus."""

from fmnbench.datasets.base import KeptTexts
from fmnbench.registry import datasets


@datasets.register(
    "snli",
    source="Bowman et al. 2015, a sample of Li et al. 2019",
    licence="CC BY-SA 4.0",
    version=1,
)
class SNLI(KeptTexts):
    """Short captions from the SNLI corpus, one sentence a document."""

    place = "snli"
