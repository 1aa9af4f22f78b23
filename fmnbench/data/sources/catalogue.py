"""Where datasets that come from outside can be had, in the order in which places are tried."""

import dataclasses
from collections.abc import Mapping

from fmnbench.data.sources.remote import Remote
from fmnbench.errors import UsageError, unknown
from fmnbench.registry import datasets

DRIVE = "https://drive.google.com/uc?id="
LAKE = "https://github.com/brendenlake/omniglot/raw/master/python/"
THREE_TEXTS = "a folder or an archive in the layout of Kim et al. or He et al., or the three texts"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hub:
    """A dataset on the Hugging Face hub.

    Without a `revision` the one found at the first fetch is recorded, and asked for after.
    """

    repository: str
    revision: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """One place that a dataset can be fetched from: files by name, or a dataset of the hub."""

    name: str
    summary: str
    files: Mapping[str, Remote] = dataclasses.field(default_factory=dict)
    hub: Hub | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outside:
    """A dataset from outside: its sources, and in words what `data import` takes for it."""

    sources: tuple[Source, ...] = ()
    takes: str


def _https(url: str) -> Remote:
    return Remote(url=url, kind="https")


def _drive(identifier: str) -> Remote:
    return Remote(url=DRIVE + identifier, kind="drive")


KIM = Source(
    name="kim",
    summary="archive of Kim et al. 2018 (Google Drive)",
    files={"data.tar.gz": _drive("1PecZKhrPkMZmvMyiOJfMS-FsHW3FE0rH")},
)


def _he(what: str, identifier: str) -> Source:
    return Source(
        name="he",
        summary="archive of He et al. 2019 (Google Drive)",
        files={f"{what}_data.tar.gz": _drive(identifier)},
    )


HE_YAHOO = _he("yahoo", "13azGlTuGdzWLCmgDmQPmvb_jcexVWX7i")
YAHOO_MIRROR = Source(
    name="mirror",
    summary="mirror of the archive of He et al. (bj.bcebos.com)",
    files={
        "yahoo-answer-100k.tar.gz": _https(
            "https://bj.bcebos.com/paddlenlp/datasets/yahoo-answer-100k.tar.gz"
        )
    },
)
OUTSIDE = {
    "omniglot": Outside(
        sources=(
            Source(
                name="hub",
                summary="dpdl-benchmark/omniglot (Hugging Face hub)",
                hub=Hub(repository="dpdl-benchmark/omniglot"),
            ),
            KIM,
            _he("omniglot", "1PbFAm2wtXfdnV7ZixImkBubC0A6-XwHU"),
            Source(
                name="burda",
                summary="chardata.mat of Burda et al. 2016 (GitHub)",
                files={
                    "chardata.mat": _https(
                        "https://github.com/yburda/iwae/raw/master/datasets/OMNIGLOT/chardata.mat"
                    )
                },
            ),
            Source(
                name="lake",
                summary="the original drawings of Lake et al. 2015 (GitHub)",
                files={
                    name: _https(LAKE + name)
                    for name in ("images_background.zip", "images_evaluation.zip")
                },
            ),
        ),
        takes="omniglot.pt, chardata.mat, an archive with one of them, or zips or folders of "
        "ALPHABET/characterNN/NNNN_MM.png at 105×105 or 28×28 pixels",
    ),
    "yahoo": Outside(sources=(KIM, HE_YAHOO, YAHOO_MIRROR), takes=THREE_TEXTS),
    "yahoo-10k": Outside(
        sources=(KIM, HE_YAHOO, YAHOO_MIRROR),
        takes="Yahoo's validation and test texts, or a folder or an archive that has them",
    ),
    "yelp": Outside(
        sources=(_he("yelp", "1FT49oLNV8syhmGXEgiK6XTjEfMNqqEJJ"),), takes=THREE_TEXTS
    ),
    "ptb": Outside(takes=THREE_TEXTS),
    "snli": Outside(takes=THREE_TEXTS),
    "text": Outside(takes="three UTF-8 files, one document a line: to train, validate and test"),
}


def outside(place: str) -> Outside:
    """Returns what is known of the dataset of a place.

    Raises:
        UsageError: no data come from outside under this name.
    """
    name, slash, own = place.partition("/")
    if name not in OUTSIDE and place in datasets.names():
        raise UsageError(f"'{place}' makes its own data; there is nothing to fetch or import.")
    if name not in OUTSIDE or (slash and name != "text"):
        raise unknown("dataset from outside", place, [*(OUTSIDE.keys() - {"text"}), "text/NAME"])
    if name == "text" and not own:
        raise UsageError("'text' needs a name of your choice: text/NAME.")
    if own and not own.replace("-", "").replace("_", "").isalnum():
        raise UsageError(f"'{own}' cannot name a text; letters, digits, '-' and '_' are allowed.")
    return OUTSIDE[name]


def source(place: str, name: str) -> Source:
    """Returns one source of a dataset.

    Raises:
        UsageError: it has none of that name.
    """
    sources = {each.name: each for each in outside(place).sources}
    if name not in sources:
        raise unknown(f"source of '{place}'", name, sources)
    return sources[name]
