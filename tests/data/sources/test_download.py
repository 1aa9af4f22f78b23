import hashlib
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from fmnbench.data.sources.download import Remote, download, pin, pinned, require_online
from fmnbench.errors import DataError

CONTENT = np.random.default_rng(0).bytes(300_000)  # what the site serves
OTHER = np.random.default_rng(1).bytes(200_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PAGE = b"<!DOCTYPE html><html><head><title>Quota exceeded</title></head></html>"


def confirmation(site):
    """The page that Drive puts before a file that it cannot scan for viruses."""
    fields = {"id": "abc", "export": "download", "confirm": "t", "uuid": "0-1"}
    inputs = "".join(f'<input type="hidden" name="{k}" value="{v}">' for k, v in fields.items())
    return (
        "<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head><body>"
        f'<form id="download-form" action="{site.url}" method="get">{inputs}</form></body></html>'
    ).encode()


@pytest.mark.parametrize("settings", [{}, {"sha256": SHA256}, {"sha256": SHA256.upper()}])
@pytest.mark.parametrize("ranges", [True, False])
def test_a_file_comes_whole_with_its_hash_and_nothing_beside_it(
    site, fetch, target, settings, ranges, beside
):
    site.ranges = ranges
    assert fetch(size=len(CONTENT), **settings) == SHA256
    assert target.read_bytes() == CONTENT
    assert beside() == {target.name}


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


def test_a_part_beside_a_file_that_is_there_goes(site, fetch, refused, target, beside):
    site.cut = 120_000
    refused()
    target.write_bytes(CONTENT)  # it came another way meanwhile
    assert fetch() == SHA256
    assert beside() == {target.name}


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


def test_an_announced_length_is_void_where_the_file_comes_in_chunks(site, fetch):
    site.chunked, site.length = True, 5
    assert fetch() == SHA256


def test_the_file_is_taken_as_it_is_and_not_packed_for_the_way(site, fetch):
    site.compresses = True
    assert fetch() == SHA256


def test_a_small_file_comes_from_drive_at_once(site, fetch):
    assert fetch(**site.drive) == SHA256
    assert len(site.asked) == 1


def test_a_large_file_comes_from_drive_past_its_page_and_goes_on(site, fetch, refused):
    site.page, site.cut = confirmation(site), 120_000
    assert "goes on" in refused(**site.drive)
    site.cut = None
    assert fetch(**site.drive) == SHA256
    assert site.sent == len(CONTENT)
    path, span = site.asked[-1]
    assert path.startswith("/data.tar.gz?")
    assert "confirm=t" in path
    assert span == "bytes=120000-"


def test_a_page_of_drive_that_leads_to_no_file_says_what_to_do(site, refused):
    site.page = PAGE.replace(b"Quota", b"Google Drive - Quota")
    message = refused(**site.drive)
    assert "'Google Drive - Quota exceeded'" in message
    assert f"download {site.drive['url']} in a browser, then: fmnbench data import" in message
    site.page = confirmation(site).replace(b"action", b"inaction")
    assert "titled 'Google Drive - Virus scan warning'" in refused(**site.drive)
    site.page = confirmation(site)
    site.content, site.kind = PAGE, "text/html"
    assert "fmnbench data import" in refused(**site.drive)


def test_a_page_of_drive_cannot_lead_to_where_anyone_could_alter_the_file(site, refused):
    site.page = confirmation(site).replace(site.url.encode(), b"http://data.invalid/x")
    assert "is not https" in refused(**site.drive)


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
        "import sys, pathlib; from fmnbench.data.sources.download import Remote, download;"
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
