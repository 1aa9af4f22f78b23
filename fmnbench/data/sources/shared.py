"""Sources that several datasets share: the archives of Kim et al. 2018 and of He et al. 2019."""

from fmnbench.data.sources.remote import drive, https
from fmnbench.data.sources.source import Source

KIM = Source(
    name="kim",
    summary="archive of Kim et al. 2018 (Google Drive)",
    files={"data.tar.gz": drive("1PecZKhrPkMZmvMyiOJfMS-FsHW3FE0rH")},
)


def he(what: str, identifier: str) -> Source:
    """Returns the archive of He et al. for one dataset, by its identifier on Google Drive."""
    return Source(
        name="he",
        summary="archive of He et al. 2019 (Google Drive)",
        files={f"{what}_data.tar.gz": drive(identifier)},
    )


HE_YAHOO = he("yahoo", "13azGlTuGdzWLCmgDmQPmvb_jcexVWX7i")
YAHOO_MIRROR = Source(
    name="mirror",
    summary="mirror of the archive of He et al. (bj.bcebos.com)",
    files={
        "yahoo-answer-100k.tar.gz": https(
            "https://bj.bcebos.com/paddlenlp/datasets/yahoo-answer-100k.tar.gz",
            md5="68b88fd3f2cc9918a78047d99bcc6532",
        )
    },
    members={
        "yahoo.train.txt": "3fb31bad56bae7c65fa084f702398c3b",
        "yahoo.valid.txt": "2680dd89b4fe882359846b5accfb7647",
        "yahoo.test.txt": "3e6dcb643282e3543303980f1e21bb9d",
        "vocab.txt": "2c17c7120e6240d34d19490404b5133d",
    },
)
YAHOO = (KIM, HE_YAHOO, YAHOO_MIRROR)
