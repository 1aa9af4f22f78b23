import hashlib
import time

import numpy as np
import pytest

CONTENT = np.random.default_rng(0).bytes(300_000)  # what the site serves
OTHER = np.random.default_rng(1).bytes(200_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PAGE = b"<!DOCTYPE html><html><head><title>Quota exceeded</title></head></html>"


@pytest.mark.parametrize("manner", ["etag", "modified"])
def test_a_download_that_broke_off_goes_on_where_it_was(
    site, fetch, refused, target, manner, kept, beside
):
    if manner == "modified":
        site.etag, site.modified = 'W/"weak"', "Mon, 01 Jan 2024 00:00:00 GMT"
    site.cut = 120_000
    assert "120000 of 300000 bytes came" in refused()
    assert kept() == CONTENT[:120_000]
    site.cut = None
    assert fetch() == SHA256
    assert site.sent == len(CONTENT)
    assert beside() == {target.name}


def test_a_download_can_break_off_many_times(site, fetch, refused, kept):
    for cut in (50_000, 50_000, 170_000, 290_000):
        site.cut = cut
        refused()
        assert kept() == CONTENT[:cut]
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
    assert len(site.asked) == (3 if ignores_condition else 2)


def test_a_file_that_changed_in_size_is_begun_anew_without_an_etag(site, fetch, refused):
    site.cut = 120_000
    refused()
    site.cut, site.content, site.etag, site.ignores_condition = None, OTHER, None, True
    assert fetch() == hashlib.sha256(OTHER).hexdigest()


@pytest.mark.parametrize("shift", [-10, 10])
def test_a_rest_that_starts_elsewhere_is_not_taken(site, fetch, refused, shift):
    site.cut = 120_000
    refused()
    site.cut, site.shift = None, shift
    assert fetch() == SHA256


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
def test_a_part_that_was_whole_already_is_taken(site, fetch, known, kept):
    def stop(done, _):
        if done == len(CONTENT):
            raise KeyboardInterrupt

    site.silent_about_length = not known
    with pytest.raises(KeyboardInterrupt):
        fetch(progress=stop)
    assert kept() == CONTENT
    assert fetch() == SHA256
    assert len(site.asked) == (1 if known else 3)  # the rest is refused, so begun anew


def test_a_bad_note_beside_a_part_means_beginning_anew(site, fetch, refused, target):
    site.cut = 120_000
    refused()
    site.cut = None
    target.with_name(target.name + ".part.json").write_text("[1]")
    assert fetch() == SHA256


def test_an_interrupt_keeps_what_came(site, fetch, target, kept):
    def stop(done, _):
        if done > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(progress=stop)
    came = len(kept())
    assert 100_000 < came < len(CONTENT)
    assert not target.exists()
    site.sent = 0
    assert fetch() == SHA256
    assert site.sent == len(CONTENT) - came


def test_a_stalled_download_ends_and_goes_on_later(site, fetch, refused, kept):
    site.cut, site.stall = 120_000, 1.0
    begin = time.monotonic()
    assert "stalled for 0.2 s: 120000 of 300000 bytes" in refused(timeout=0.2)
    assert time.monotonic() - begin < 0.9
    assert kept() == CONTENT[:120_000]
    site.cut, site.stall = None, 0.0
    assert fetch() == SHA256
    assert site.sent == len(CONTENT)


def test_a_web_page_does_not_cost_what_came_before(site, fetch, refused, kept):
    site.cut = 120_000
    refused()
    site.cut, site.content, site.kind, site.etag = None, PAGE, "text/html", None
    assert "Quota" in refused()
    assert kept() == CONTENT[:120_000]
    site.content, site.kind, site.etag = CONTENT, "application/gzip", '"first"'
    assert fetch() == SHA256
