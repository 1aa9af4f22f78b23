"""Servers that never fall silent and never come to an end: each is given up in time."""

import hashlib

import pytest
from web_server import CONTENT

from fmnbench.data.sources.pace import Pace

SHA256 = hashlib.sha256(CONTENT).hexdigest()
PACE = Pace(least=10_000.0, window=0.2)


@pytest.mark.parametrize("manner", ["announced", "silent_about_length", "chunked"])
def test_a_server_that_sends_byte_after_byte_is_given_up_and_gone_on_with(
    site, fetch, refused, kept, manner
):
    site.drips, site.cut = "body", 120_000
    if manner != "announced":
        setattr(site, manner, True)
    message = refused(pace=PACE)
    assert "/data.tar.gz is too slow (" in message
    assert "bytes in 0.2 s; the least is 2000): 1200" in message
    assert message.endswith("bytes came; the next try goes on from there")
    came = len(kept())
    assert 120_000 <= came < 121_000
    site.drips, site.cut, site.sent = None, None, 0
    site.content = kept() + CONTENT[came:]
    fetch()
    assert site.sent == len(CONTENT) - came


@pytest.mark.parametrize("what", ["interim", "head"])
def test_an_answer_whose_head_never_ends_is_given_up(site, fetch, refused, what):
    site.drips = what
    message = refused(pace=PACE)
    assert message.startswith(f"the download of {site.url} is too slow (0 bytes in 0.2 s; ")
    site.drips = None
    assert fetch() == SHA256


def test_a_download_without_end_that_keeps_its_pace_is_given_up(site, refused):
    site.drips, site.silent_about_length = "body", True
    message = refused(pace=Pace(least=0.0, window=0.1, longest=0.3))
    assert f"the download of {site.url} took more than 0.3 s: 300" in message


def test_a_server_that_keeps_the_pace_is_waited_for(site, fetch):
    site.drips, site.length = "body", len(CONTENT) + 60  # the last 60 bytes take 0.6 s
    assert fetch(pace=Pace(least=20.0, window=0.2)) != SHA256
