"""Yahoo Answers as the field uses it: 100,000 training texts, 10,000 each to choose and test."""

from fmnbench.datasets.base import CachedTexts
from fmnbench.registry import datasets


@datasets.register(
    "yahoo",
    source="Yang et al. 2017, a sample of Zhang et al. 2015",
    licence="research",
    version=1,
)
class Yahoo(CachedTexts):
    """Questions with answers, 79 words each on average: the sample of Yang et al. 2017."""

    place = "yahoo"
