"""Yelp reviews, sampled and split as Yahoo."""

from fmnbench.datasets.base import CachedTexts
from fmnbench.registry import datasets


@datasets.register(
    "yelp", source="Yang et al. 2017, a sample of Tang et al. 2015", licence="research", version=1
)
class Yelp(CachedTexts):
    """Reviews of places: the sample of Yang et al. 2017; labels in the files are dropped."""

    place = "yelp"
