"""A tenth of Yahoo, made of its validation and test texts alone."""

from fmnbench.datasets.base import CachedTexts
from fmnbench.registry import datasets


@datasets.register("yahoo-10k", source="Yang et al. 2017", licence="research", version=1)
class Yahoo10k(CachedTexts):
    """A tenth of Yahoo: of its validation texts 9,000 train and 1,000 validate; its test texts."""

    place = "yahoo-10k"
