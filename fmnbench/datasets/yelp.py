"""Yelp reviews, sampled and split like Yahoo."""

from fmnbench.data.dataset import CachedTexts
from fmnbench.data.sources.shared import he
from fmnbench.registry import datasets


@datasets.register(
    "yelp",
    kind="texts",
    source="Yang et al. 2017, a sample of Tang et al. 2015",
    licence="research",
    version=1,
)
class Yelp(CachedTexts):
    """Reviews of places: the sample of Yang et al. 2017; labels in the files are dropped."""

    cache_name = "yelp"
    sources = (he("yelp", "1FT49oLNV8syhmGXEgiK6XTjEfMNqqEJJ"),)
