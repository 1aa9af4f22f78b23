"""Yahoo Answers as the field uses it: 100,000 training, 10,000 validation, 10,000 test texts."""

from fmnbench.data.dataset import CachedTexts
from fmnbench.data.sources import shared
from fmnbench.registry import datasets


@datasets.register(
    "yahoo",
    kind="texts",
    source="Yang et al. 2017, a sample of Zhang et al. 2015",
    licence="research",
    version=1,
)
class Yahoo(CachedTexts):
    """Questions with answers, 79 words each on average: the sample of Yang et al. 2017."""

    cache_name = "yahoo"
    sources = shared.YAHOO
    import_example = "train.txt val.txt test.txt"
    smaller = ("yahoo-10k",)
