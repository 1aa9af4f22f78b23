import contextlib
import dataclasses
import gzip
import http.server
import io
import tarfile
import threading
import time
import zipfile

import numpy as np
import pytest

from fmnbench.data.archives import extract
from fmnbench.data.download import Remote, download
from fmnbench.errors import DataError

CONTENT = np.random.default_rng(0).bytes(300_000)


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


@dataclasses.dataclass
class Site:
    """A web server's one file, and how it serves it; what it was asked and how much it sent."""

    content: bytes = CONTENT
    kind: str = "application/octet-stream"
    etag: str | None = '"first"'
    modified: str | None = None
    status: int = 200
    ranges: bool = True
    ignores_condition: bool = False  # continues a file that is another one now
    length: int | None = None  # announced; None for the true one
    silent_about_length: bool = False
    chunked: bool = False
    cut: int | None = None  # bytes after which the connection is closed
    stall: float = 0.0  # seconds without a byte after `cut`
    delay: float = 0.0  # seconds before the answer
    redirect: str | None = None
    page: bytes | None = None  # what /uc gives, as Google Drive does
    compresses: bool = False  # where the client takes gzip
    shift: int = 0  # bytes from where the rest is asked for to where it starts
    url: str = ""
    asked: list = dataclasses.field(default_factory=list)
    sent: int = 0

    @property
    def drive(self):
        """The settings of a remote on what looks like Google Drive."""
        return {"url": self.url.replace("data.tar.gz", "uc?id=abc"), "kind": "drive"}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        site = self.server.site
        site.asked.append((self.path, self.headers.get("Range")))
        self.close_connection = True
        time.sleep(site.delay)
        with contextlib.suppress(ConnectionError):
            if self.path == "/moved":
                self.head(302, {"Location": site.redirect or site.url, "Content-Length": "0"})
            elif self.path.startswith("/uc") and site.page is not None:
                fields = {"Content-Type": "text/html; charset=utf-8"}
                self.head(200, fields | {"Content-Length": str(len(site.page))})
                self.wfile.write(site.page)
            else:
                self.answer(site)

    def answer(self, site):
        packed = site.compresses and "gzip" in self.headers.get("Accept-Encoding", "")
        content = gzip.compress(site.content, mtime=0) if packed else site.content
        start, whole = self.start(site), len(content)
        fields = {"Content-Type": site.kind, "ETag": site.etag, "Last-Modified": site.modified}
        if site.chunked:
            fields["Transfer-Encoding"] = "chunked"
        if site.length is not None:
            fields["Content-Length"] = str(site.length)
        elif not site.chunked and not site.silent_about_length:
            fields["Content-Length"] = str(whole - start)
        if packed:
            fields["Content-Encoding"] = "gzip"
        if start:
            fields["Content-Range"] = f"bytes {start}-{whole - 1}/{whole}"
        if start >= whole > 0:
            self.head(416, {"Content-Range": f"bytes */{whole}", "Content-Length": "0"})
            return
        self.head(206 if start else site.status, fields)
        self.body(site, content[start : site.cut])

    def start(self, site):
        """Returns the byte from which the file is asked for, and may be given."""
        asked = self.headers.get("Range")
        if asked is None or not site.ranges or site.status != 200:
            return 0
        condition = self.headers.get("If-Range")
        if condition not in (None, site.etag, site.modified) and not site.ignores_condition:
            return 0
        return int(asked.removeprefix("bytes=").removesuffix("-")) + site.shift

    def head(self, status, fields):
        self.send_response(status)
        self.send_header("Connection", "close")
        for name, value in fields.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()

    def body(self, site, data):
        for begin in range(0, len(data), 10_000):
            piece = data[begin : begin + 10_000]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if site.chunked else piece)
            site.sent += len(piece)
        if site.cut is None and site.chunked:
            self.wfile.write(b"0\r\n\r\n")
        time.sleep(site.stall)


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.site = Site()
        server.site.url = f"http://127.0.0.1:{server.server_port}/data.tar.gz"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.site
        server.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "cache" / "data.tar.gz"


@pytest.fixture
def fetch(site, target):
    """Returns the download of the site's file; settings of the remote, timeout and progress."""

    def run(*, timeout=5.0, progress=None, **settings):
        remote = Remote(**{"url": site.url, "kind": "https"} | settings)
        return download(remote, target, timeout=timeout, progress=progress)

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
