import io
import tarfile
import zipfile

import numpy as np
import pytest

from fmnbench.data.sources.archives import extract
from fmnbench.data.sources.download import Remote, download
from fmnbench.data.sources.pace import DEFAULT
from fmnbench.errors import DataError


class Make:
    """Writes archives of any kind, good and bad."""

    def __call__(self, path, form, members):
        if form == "zip":
            return self.zip(path, members)
        return self.tar(path, members, "w:gz" if form == "tar.gz" else "w")

    def tar(self, path, members, mode="w"):
        """Writes a tar whose members are names with content, or ready-made headers."""
        with tarfile.open(path, mode) as archive:
            for name, content in members:
                info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        return path

    def zip(self, path, members, method=zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(path, "w", method) as archive:
            for name, content in members:
                archive.writestr(name, content)
        return path

    def header(self, name, kind=tarfile.REGTYPE, target="", size=0):
        """Returns the header of a tar member; its declared size need not be true."""
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.size = kind, target, size
        return info


@pytest.fixture
def make():
    return Make()


@pytest.fixture
def files():
    """Returns an archive's good files: names and contents."""
    return {
        "readme.txt": b"hello\n",
        "images/a/0001_01.png": bytes(range(256)) * 20,
        "images/b/0001_01.png": b"",
        "deep/er/and/deeper/x.bin": np.random.default_rng(3).bytes(5000),
    }


@pytest.fixture
def archive(tmp_path):
    return tmp_path / "given"  # no suffix: the content tells the kind


@pytest.fixture
def rejected(archive):
    """Returns the one line that an archive is refused with, after which nothing is left."""

    def attempt(**limits):
        before = sorted(archive.parent.rglob("*"))
        with pytest.raises(DataError) as error:
            extract(archive, archive.parent / "out", **limits)
        assert sorted(archive.parent.rglob("*")) == before
        assert "\n" not in str(error.value)
        assert str(archive) in str(error.value)
        return str(error.value)

    return attempt


@pytest.fixture
def target(tmp_path):
    return tmp_path / "cache" / "data.tar.gz"


@pytest.fixture
def fetch(site, target):
    """Returns the download of the site's file; settings of the remote, timeout, progress, pace."""

    def run(*, timeout=5.0, progress=None, pace=DEFAULT, **settings):
        remote = Remote(**{"url": site.url, "kind": "https"} | settings)
        return download(remote, target, timeout=timeout, progress=progress, pace=pace)

    return run


@pytest.fixture
def refused(fetch, target):
    """Returns the one line that a download fails with; the file is not there then."""

    def attempt(**settings):
        with pytest.raises(DataError) as error:
            fetch(**settings)
        assert not target.exists()
        assert "\n" not in str(error.value)
        return str(error.value)

    return attempt


@pytest.fixture
def kept(target):
    """Returns what to call for the bytes kept of a download that broke off, or None."""

    def read():
        path = target.with_name(target.name + ".part")
        return path.read_bytes() if path.exists() else None

    return read


@pytest.fixture
def beside(target):
    """Returns what to call for the names in the target's folder; a lock may stay."""
    return lambda: {path.name for path in target.parent.iterdir()} - {target.name + ".lock"}
