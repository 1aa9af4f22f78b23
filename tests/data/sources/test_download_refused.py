import hashlib
import socket

import numpy as np
import pytest

from fmnbench.data.sources.download import Remote, download

CONTENT = np.random.default_rng(0).bytes(300_000)  # what the site serves
OTHER = np.random.default_rng(1).bytes(200_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PAGE = b"<!DOCTYPE html><html><head><title>Quota exceeded</title></head></html>"


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
def test_a_web_page_instead_of_data_is_said_so(site, refused, kind, beside):
    site.content, site.kind = PAGE, kind
    assert "gave an HTML page titled 'Quota exceeded' instead of" in refused()
    assert beside() == set()
    assert "Quota exceeded" in refused(sha256=SHA256)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "404 Not Found"),
        (503, "503 Service Unavailable"),
        (204, "204"),
        (299, "answered 299"),
    ],
)
def test_a_refusal_is_said_with_its_number_and_keeps_what_came(site, refused, status, words, kept):
    site.cut = 120_000
    refused()
    site.cut, site.status = None, status
    assert words in refused()
    assert kept() == CONTENT[:120_000]


def test_an_empty_file_is_no_data(site, refused):
    site.content = b""
    assert "an empty file" in refused()


def test_a_wrong_hash_is_said_and_nothing_is_kept(site, refused, target, beside):
    wanted = hashlib.sha256(OTHER).hexdigest()
    message = refused(sha256=wanted)
    assert SHA256 in message
    assert wanted in message
    assert beside() == set()
    site.content = OTHER
    assert download(Remote(url=site.url, kind="https", sha256=wanted), target) == wanted


def test_a_size_that_is_not_the_expected_one_is_refused_before_the_download(site, refused):
    assert "has 300000 bytes; expected are 299999" in refused(size=299_999)
    site.length = 1 << 40
    assert f"{1 << 40} bytes; at most" in refused()


@pytest.mark.parametrize("size", [299_999, 300_001])
def test_a_size_that_was_not_announced_is_checked_all_the_same(site, refused, size, kept):
    site.chunked = True
    message = refused(size=size)
    if size > len(CONTENT):
        assert "300000 of 300001 bytes came" in message
    else:
        assert "sent more than 299999 bytes" in message
        assert kept() is None


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


@pytest.mark.parametrize("place", ["https://[bad/", "http://127.0.0.1:port/data"])
def test_a_redirect_to_a_malformed_address_is_one_line(site, refused, place):
    site.redirect = place
    message = refused(url=site.url.replace("data.tar.gz", "moved"))
    assert place.rstrip("/") in message or "cannot be reached" in message
    assert "\n" not in message
