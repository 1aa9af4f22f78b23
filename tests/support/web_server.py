"""A web server on this machine, as a fixture of all tests: what it serves is theirs to say."""

import contextlib
import dataclasses
import gzip
import http.server
import itertools
import threading
import time

import numpy as np
import pytest

PAUSE = 0.01  # seconds between the bytes of a site that drips
CONTENT = np.random.default_rng(0).bytes(300_000)
DRIPS = {"interim": b"HTTP/1.1 100 Continue\r\n\r\n", "head": b"HTTP/1.1 200 OK\r\nX: "}


@dataclasses.dataclass
class Site:
    """A web server's files, and how it serves them; what it was asked and how much it sent."""

    content: bytes = CONTENT  # of every path
    files: dict[str, bytes] | None = None  # or else of these paths, and of no other
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
    drips: str | None = None  # a byte each PAUSE without end: of "interim" answers, head or body
    redirect: str | None = None
    page: bytes | None = None  # what /uc gives, as Google Drive does
    compresses: bool = False  # where the client takes gzip
    shift: int = 0  # bytes from where the rest is asked for to where it starts
    url: str = ""
    asked: list = dataclasses.field(default_factory=list)
    sent: int = 0

    def at(self, path):
        """The address of a path."""
        return self.url.removesuffix("/data.tar.gz") + path

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
        served = site.content if site.files is None else site.files.get(self.path)
        if served is None:
            self.head(404, {"Content-Length": "0"})
            return
        packed = site.compresses and "gzip" in self.headers.get("Accept-Encoding", "")
        content = gzip.compress(served, mtime=0) if packed else served
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
        if site.drips in DRIPS:
            self.drip(DRIPS[site.drips])
        self.head(206 if start else site.status, fields)
        self.body(site, content[start : site.cut])
        if site.drips == "body":
            self.drip(bytes(1))

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

    def drip(self, data):
        """Sends bytes one by one, over and over, until the client has gone."""
        for byte in itertools.cycle(data):
            self.wfile.write(bytes([byte]))
            time.sleep(PAUSE)

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
