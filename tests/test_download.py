import contextlib
import dataclasses
import hashlib
import http.server
import os
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from fmnbench.data.download import Remote, download, pin, pinned, require_online
from fmnbench.errors import DataError

CONTENT = np.random.default_rng(0).bytes(300_000)
OTHER = np.random.default_rng(1).bytes(200_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PAGE = b"<!DOCTYPE html><html><head><title>Quota exceeded</title></head></html>"


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
    url: str = ""
    asked: list = dataclasses.field(default_factory=list)
    sent: int = 0


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
        start = self.start(site)
        whole = len(site.content)
        fields = {"Content-Type": site.kind, "ETag": site.etag, "Last-Modified": site.modified}
        if site.chunked:
            fields["Transfer-Encoding"] = "chunked"
        elif not site.silent_about_length:
            fields["Content-Length"] = str(whole - start if site.length is None else site.length)
        if start:
            fields["Content-Range"] = f"bytes {start}-{whole - 1}/{whole}"
        if start >= whole > 0:
            self.head(416, {"Content-Range": f"bytes */{whole}", "Content-Length": "0"})
            return
        self.head(206 if start else site.status, fields)
        self.body(site, site.content[start : site.cut])

    def start(self, site):
        """Returns the byte from which the file is asked for, and may be given."""
        asked = self.headers.get("Range")
        if asked is None or not site.ranges or site.status != 200:
            return 0
        condition = self.headers.get("If-Range")
        if condition not in (None, site.etag, site.modified) and not site.ignores_condition:
            return 0
        return int(asked.removeprefix("bytes=").removesuffix("-"))

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


def part(target):
    """The bytes kept of a download that broke off, or None."""
    path = target.with_name(target.name + ".part")
    return path.read_bytes() if path.exists() else None


def files(target):
    """The names beside a target; a lock may stay."""
    return {path.name for path in target.parent.iterdir()} - {target.name + ".lock"}


@pytest.mark.parametrize("settings", [{}, {"sha256": SHA256}, {"sha256": SHA256.upper()}])
@pytest.mark.parametrize("ranges", [True, False])
def test_a_file_comes_whole_with_its_hash_and_nothing_beside_it(
    site, fetch, target, settings, ranges
):
    site.ranges = ranges
    assert fetch(size=len(CONTENT), **settings) == SHA256
    assert target.read_bytes() == CONTENT
    assert files(target) == {target.name}


def test_a_file_that_is_there_is_not_downloaded_again(site, fetch):
    for settings in ({}, {}, {"sha256": SHA256}, {"size": len(CONTENT)}):
        assert fetch(**settings) == SHA256
    assert len(site.asked) == 1


@pytest.mark.parametrize("settings", [{"sha256": SHA256}, {"size": len(CONTENT)}])
def test_a_file_that_is_there_but_not_as_expected_is_replaced(fetch, target, settings):
    target.parent.mkdir()
    target.write_bytes(b"damaged")
    assert fetch(**settings) == SHA256
    assert target.read_bytes() == CONTENT


def test_progress_counts_up_to_the_size(fetch):
    steps = []
    fetch(progress=lambda done, total: steps.append((done, total)))
    assert steps[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in steps] == sorted({done for done, _ in steps})
    assert {total for _, total in steps} == {len(CONTENT)}


@pytest.mark.parametrize("manner", ["silent_about_length", "chunked"])
def test_a_file_of_unannounced_length_comes_whole(site, fetch, target, manner):
    setattr(site, manner, True)
    totals = set()
    assert fetch(progress=lambda _, total: totals.add(total)) == SHA256
    assert target.read_bytes() == CONTENT
    assert totals == {None}


@pytest.mark.parametrize("manner", ["etag", "modified"])
def test_a_download_that_broke_off_goes_on_where_it_was(site, fetch, refused, target, manner):
    if manner == "modified":
        site.etag, site.modified = 'W/"weak"', "Mon, 01 Jan 2024 00:00:00 GMT"
    site.cut = 120_000
    assert "120000 of 300000 bytes came" in refused()
    assert part(target) == CONTENT[:120_000]
    site.cut = None
    assert fetch() == SHA256
    assert site.sent == len(CONTENT)
    assert files(target) == {target.name}


def test_a_download_can_break_off_many_times(site, fetch, refused, target):
    for cut in (50_000, 50_000, 170_000, 290_000):
        site.cut = cut
        refused()
        assert part(target) == CONTENT[:cut]
    site.cut = None
    steps = []
    assert fetch(progress=lambda done, _: steps.append(done)) == SHA256
    assert steps[0] > 290_000
    assert site.sent == len(CONTENT)


def test_a_chunked_download_that_broke_off_goes_on_where_it_was(site, fetch, refused):
    site.chunked, site.cut = True, 100_000
    assert "broke off: 100000 of an unknown number of bytes came" in refused()
    site.cut = None
    assert fetch() == SHA256
    assert site.sent == len(CONTENT)


@pytest.mark.parametrize("ignores_condition", [False, True])
@pytest.mark.parametrize("content", [OTHER, CONTENT[::-1]])
def test_a_file_that_changed_meanwhile_is_begun_anew(
    site, fetch, refused, target, ignores_condition, content
):
    site.cut = 120_000
    refused()
    site.cut, site.content, site.etag = None, content, '"second"'
    site.ignores_condition = ignores_condition
    assert fetch() == hashlib.sha256(content).hexdigest()
    assert target.read_bytes() == content


def test_a_server_that_ignores_ranges_begins_anew_in_one_request(site, fetch, refused):
    site.cut, site.ranges = 120_000, False
    refused()
    site.cut = None
    assert fetch() == SHA256
    assert site.sent == 120_000 + len(CONTENT)
    assert len(site.asked) == 2


def test_without_a_validator_only_a_known_hash_lets_a_download_go_on(site, fetch, refused):
    site.etag, site.cut = None, 120_000
    assert "goes on" not in refused()
    assert "goes on" not in refused()
    assert site.asked[-1][1] is None
    assert "goes on" in refused(sha256=SHA256)
    site.cut, site.sent = None, 0
    assert fetch(sha256=SHA256) == SHA256
    assert site.sent == len(CONTENT) - 120_000


def test_what_belongs_to_another_address_is_not_gone_on_with(site, fetch, refused):
    site.cut = 120_000
    refused(url=site.url + "?other")
    site.cut = None
    assert fetch() == SHA256
    assert site.sent == 120_000 + len(CONTENT)


@pytest.mark.parametrize("known", [True, False])
def test_a_part_that_was_whole_already_is_taken(site, fetch, target, known):
    def stop(done, _):
        if done == len(CONTENT):
            raise KeyboardInterrupt

    site.silent_about_length = not known
    with pytest.raises(KeyboardInterrupt):
        fetch(progress=stop)
    assert part(target) == CONTENT
    assert fetch() == SHA256
    assert len(site.asked) == (1 if known else 3)  # the rest is refused, so begun anew


def test_a_bad_note_beside_a_part_means_beginning_anew(site, fetch, refused, target):
    site.cut = 120_000
    refused()
    site.cut = None
    target.with_name(target.name + ".part.json").write_text("[1]")
    assert fetch() == SHA256


def test_an_interrupt_keeps_what_came(site, fetch, target):
    def stop(done, _):
        if done > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(progress=stop)
    kept = len(part(target))
    assert 100_000 < kept < len(CONTENT)
    assert not target.exists()
    site.sent = 0
    assert fetch() == SHA256
    assert site.sent == len(CONTENT) - kept


def test_a_stalled_download_ends_and_goes_on_later(site, fetch, refused, target):
    site.cut, site.stall = 120_000, 1.0
    begin = time.monotonic()
    assert "stalled for 0.2 s: 120000 of 300000 bytes" in refused(timeout=0.2)
    assert time.monotonic() - begin < 0.9
    assert part(target) == CONTENT[:120_000]
    site.cut, site.stall = None, 0.0
    assert fetch() == SHA256
    assert site.sent == len(CONTENT)


def test_a_server_that_does_not_answer_is_given_up(site, refused):
    site.delay = 0.6
    assert "did not answer within 0.1 s" in refused(timeout=0.1)


def test_a_server_that_is_not_there_is_one_line(refused):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        message = refused(url=f"http://127.0.0.1:{port}/data")
    assert "cannot be reached: Connection refused" in message


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/octet-stream"])
def test_a_web_page_instead_of_data_is_said_so(site, refused, target, kind):
    site.content, site.kind = PAGE, kind
    assert "gave an HTML page titled 'Quota exceeded' instead of" in refused()
    assert files(target) == set()
    assert "Quota exceeded" in refused(sha256=SHA256)


def test_a_web_page_does_not_cost_what_came_before(site, fetch, refused, target):
    site.cut = 120_000
    refused()
    site.cut, site.content, site.kind, site.etag = None, PAGE, "text/html", None
    assert "Quota" in refused()
    assert part(target) == CONTENT[:120_000]
    site.content, site.kind, site.etag = CONTENT, "application/gzip", '"first"'
    assert fetch() == SHA256


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "404 Not Found"),
        (503, "503 Service Unavailable"),
        (204, "204"),
        (299, "answered 299"),
    ],
)
def test_a_refusal_is_said_with_its_number_and_keeps_what_came(
    site, refused, target, status, words
):
    site.cut = 120_000
    refused()
    site.cut, site.status = None, status
    assert words in refused()
    assert part(target) == CONTENT[:120_000]


def test_an_empty_file_is_no_data(site, refused):
    site.content = b""
    assert "an empty file" in refused()


def test_a_wrong_hash_is_said_and_nothing_is_kept(site, refused, target):
    wanted = hashlib.sha256(OTHER).hexdigest()
    message = refused(sha256=wanted)
    assert SHA256 in message
    assert wanted in message
    assert files(target) == set()
    site.content = OTHER
    assert download(Remote(url=site.url, kind="https", sha256=wanted), target) == wanted


def test_a_size_that_is_not_the_expected_one_is_refused_before_the_download(site, refused):
    assert "has 300000 bytes; expected are 299999" in refused(size=299_999)
    site.length = 1 << 40
    assert f"{1 << 40} bytes; at most" in refused()


@pytest.mark.parametrize("size", [299_999, 300_001])
def test_a_size_that_was_not_announced_is_checked_all_the_same(site, refused, target, size):
    site.chunked = True
    message = refused(size=size)
    if size > len(CONTENT):
        assert "300000 of 300001 bytes came" in message
    else:
        assert "sent more than 299999 bytes" in message
        assert part(target) is None


def test_redirects_are_followed(site, fetch):
    assert fetch(url=site.url.replace("data.tar.gz", "moved")) == SHA256
    assert [path for path, _ in site.asked] == ["/moved", "/data.tar.gz"]


@pytest.mark.parametrize("place", ["http://data.invalid/x", "ftp://data.invalid/x"])
def test_what_anyone_could_have_altered_is_not_taken(site, refused, place):
    assert f"{place} is not https" in refused(url=place)
    site.redirect = place
    assert f"{place} is not https" in refused(url=site.url.replace("data.tar.gz", "moved"))


def test_plain_http_is_taken_from_anywhere_when_the_hash_is_known(refused):
    assert "cannot be reached" in refused(url="http://data.invalid/x", sha256=SHA256)
    assert "is not https" in refused(url="file:///etc/hostname", sha256=SHA256)


def test_a_redirect_without_end_is_one_line(site, refused):
    site.redirect = "/moved"
    assert "redirects" in refused(url=site.url.replace("data.tar.gz", "moved"))


def drive(site):
    return {"url": site.url.replace("data.tar.gz", "uc?id=abc"), "kind": "drive"}


def confirmation(site):
    """The page that Drive puts before a file that it cannot scan for viruses."""
    fields = {"id": "abc", "export": "download", "confirm": "t", "uuid": "0-1"}
    inputs = "".join(f'<input type="hidden" name="{k}" value="{v}">' for k, v in fields.items())
    return (
        "<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head><body>"
        f'<form id="download-form" action="{site.url}" method="get">{inputs}</form></body></html>'
    ).encode()


def test_a_small_file_comes_from_drive_at_once(site, fetch):
    assert fetch(**drive(site)) == SHA256
    assert len(site.asked) == 1


def test_a_large_file_comes_from_drive_past_its_page_and_goes_on(site, fetch, refused):
    site.page, site.cut = confirmation(site), 120_000
    assert "goes on" in refused(**drive(site))
    site.cut = None
    assert fetch(**drive(site)) == SHA256
    assert site.sent == len(CONTENT)
    path, span = site.asked[-1]
    assert path.startswith("/data.tar.gz?")
    assert "confirm=t" in path
    assert span == "bytes=120000-"


def test_a_page_of_drive_that_leads_to_no_file_says_what_to_do(site, refused):
    site.page = PAGE.replace(b"Quota", b"Google Drive - Quota")
    message = refused(**drive(site))
    assert "'Google Drive - Quota exceeded'" in message
    assert f"in a browser from {drive(site)['url']}, then: fmnbench data import" in message
    site.page = confirmation(site)
    site.content, site.kind = PAGE, "text/html"
    assert "fmnbench data import" in refused(**drive(site))


def test_a_page_of_drive_cannot_lead_to_where_anyone_could_alter_the_file(site, refused):
    site.page = confirmation(site).replace(site.url.encode(), b"http://data.invalid/x")
    assert "is not https" in refused(**drive(site))


def test_a_hash_is_recorded_once_and_enforced_after(site, fetch, refused, target):
    assert pinned(target) is None
    sha256 = fetch()
    pin(target, sha256)
    pin(target, sha256)
    assert pinned(target) == sha256
    check = ["sha256sum", "-c", "--quiet", f"{target.name}.sha256"]
    assert subprocess.run(check, cwd=target.parent, check=False).returncode == 0
    target.unlink()
    site.content, site.etag = OTHER, '"second"'
    assert SHA256 in refused()
    with pytest.raises(DataError, match="recorded"):
        pin(target, hashlib.sha256(OTHER).hexdigest())
    site.content = CONTENT
    assert fetch() == SHA256


def test_a_pin_and_a_hash_that_differ_are_said_before_the_download(site, refused, target):
    pin(target, "ab" * 32)
    assert "delete" in refused(sha256=SHA256)
    target.with_name(target.name + ".sha256").write_text("no hash")
    assert "delete" in refused()
    assert site.asked == []


def test_two_processes_that_want_one_file_fetch_it_once(site, target):
    site.delay = 0.5
    script = (
        "import sys, pathlib; from fmnbench.data.download import Remote, download;"
        "print(download(Remote(url=sys.argv[1], kind='https'), pathlib.Path(sys.argv[2])))"
    )
    command = [sys.executable, "-c", script, site.url, str(target)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    ]
    assert [process.communicate(timeout=20)[0].strip() for process in both] == [SHA256] * 2
    assert len(site.asked) == 1


def test_two_threads_that_want_one_file_fetch_it_once(site, fetch):
    site.delay = 0.2
    found = []
    threads = [threading.Thread(target=lambda: found.append(fetch())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [SHA256] * 3
    assert len(site.asked) == 1


def test_a_folder_that_cannot_be_written_is_one_line(site, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="cannot be written"):
        download(Remote(url=site.url, kind="https"), tmp_path / "file" / "data")


@pytest.mark.parametrize("value", ["1", "true", "YES", "on"])
def test_offline_by_variable_or_by_choice_downloads_nothing(monkeypatch, value):
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    with pytest.raises(DataError, match=r"offline: omniglot not downloaded .*HF_HUB_OFFLINE"):
        require_online(False, "omniglot")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    require_online(False, "omniglot")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    require_online(False, "omniglot")
    with pytest.raises(DataError, match=r"^offline: omniglot not downloaded$"):
        require_online(True, "omniglot")
