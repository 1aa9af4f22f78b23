"""Fetching: source after source, each file once, and what arrived is remembered by its hash."""

import hashlib

import pytest

from fmnbench.data.acquire import import_files
from fmnbench.data.cache import cached_data, downloads, manifest
from fmnbench.data.catalogue import cached_class
from fmnbench.data.sources.download import pinned
from fmnbench.data.sources.remote import https
from fmnbench.data.sources.source import Source
from fmnbench.errors import UsageError

PAGE = b"<!DOCTYPE html><html><head><title>Quota exceeded</title></head></html>"


@pytest.fixture
def archive(texts, packed):
    """Returns a function that gives the bytes of an archive of texts."""

    def make(**splits):
        return packed(texts("he", **splits)).read_bytes()

    return make


@pytest.fixture
def asked(site):
    """Returns a function that gives the paths that the site was asked for."""
    return lambda: [path for path, _ in site.asked]


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def test_the_first_source_that_has_a_dataset_gives_it(offer, get, asked, archive, lines, kept):
    content = archive()
    offer("snli", one=None, two={"snli.tar.gz": content}, three={"other.tar.gz": b"no"})
    found = get("snli")
    assert asked() == ["/one/gone.tar.gz", "/two/snli.tar.gz"]
    assert found.files == {"snli.tar.gz": sha256(content)}
    assert found == manifest("snli")
    assert kept("snli") == lines


def test_a_source_may_have_several_files(offer, get, drawings, packed):
    items = sorted(drawings().items())
    halves = [packed(dict(items[half::2]), f"{half}.zip").read_bytes() for half in (0, 1)]
    offer("omniglot", lake={f"{half}.zip": halves[half] for half in (0, 1)})
    found = get("omniglot")
    assert found.files == {f"{half}.zip": sha256(halves[half]) for half in (0, 1)}
    assert found.statistics["rows"] == {"train": 41, "validation": 4, "test": 15}


def test_where_no_source_has_it_each_says_why(offer, get, refused, packed):
    empty = packed({"README": "nothing"}, "empty.zip").read_bytes()
    offer("snli", one=None, two={"b.tar.gz": PAGE}, three={"c.zip": empty}, four={"d": b"text"})
    line = refused(get, "snli")
    assert line.startswith("'snli' could not be fetched. one: http://127.0.0.1:")
    assert "/one/gone.tar.gz answered 404 Not Found; two: http" in line
    assert "gave an HTML page titled 'Quota exceeded' instead of data; three: " in line
    assert "has no texts of 'snli': expected snli/{train,val,test}.txt or " in line
    assert line.endswith(
        "; four: 'snli' is made from a folder or an archive in the layout of "
        "Kim et al. or He et al., or the three texts; given: 1 file."
    )
    assert manifest("snli") is None


def test_only_the_source_that_is_named_is_asked(offer, get, asked, archive, refused):
    offer("snli", one=None, two={"snli.tar.gz": archive()})
    line = refused(get, "snli", chosen="one")
    assert "two" not in line
    assert asked() == ["/one/gone.tar.gz"]
    get("snli", chosen="two")
    assert asked()[1:] == ["/two/snli.tar.gz"]


@pytest.mark.parametrize(
    ("name", "chosen", "line"),
    [
        ("yahooo", None, "Unknown dataset 'yahooo'. Did you mean 'yahoo'? Known: "),
        ("yahoo", "mirorr", "Unknown source of 'yahoo' 'mirorr'. Did you mean 'mirror'? Known: "),
        ("text", None, "'text' needs a name of your choice: text/NAME."),
        ("text/../x", None, "'../x' cannot name a text; letters, digits, '-' and '_' are "),
        ("digits", None, "'digits' makes its own data; there is nothing to fetch or import."),
    ],
)
def test_an_unknown_dataset_or_source_is_wrong_usage(name, chosen, line, get):
    with pytest.raises(UsageError) as error:
        get(name, chosen=chosen)
    assert str(error.value).startswith(line)


@pytest.mark.parametrize("name", ["snli", "ptb", "text/own"])
def test_a_dataset_without_a_source_says_what_to_import(name, get, refused):
    line = refused(get, name)
    assert line.startswith(f"'{name}' cannot be fetched from any known source; import ")
    assert line.endswith(f": fmnbench data import {name} train.txt valid.txt test.txt")


def test_what_was_downloaded_is_not_downloaded_again(offer, get, asked, archive):
    offer("snli", he={"snli.tar.gz": archive()})
    first = get("snli")
    again = get("snli", offline=True)
    assert again.statistics == first.statistics
    assert asked() == ["/he/snli.tar.gz"]


def test_offline_nothing_is_asked_for(offer, get, asked, archive, refused, monkeypatch):
    offer("snli", he={"snli.tar.gz": archive()})
    line = refused(get, "snli", offline=True)
    assert line == "'snli' could not be fetched. he: offline: snli.tar.gz is not downloaded."
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    line = refused(get, "snli")
    assert line.endswith("snli.tar.gz is not downloaded (HF_HUB_OFFLINE is set).")
    assert asked() == []


def test_a_file_that_changed_since_its_first_use_is_refused(offer, get, site, archive, refused):
    before, after = archive(), archive(train=["a horse"])
    offer("snli", he={"snli.tar.gz": before})
    get("snli")
    path = downloads("he") / "snli.tar.gz"
    assert pinned(path) == sha256(before)
    path.unlink()
    site.files["/he/snli.tar.gz"] = after
    site.etag = '"second"'
    line = refused(get, "snli")
    assert f"has sha256 {sha256(after)}; expected is {sha256(before)}" in line
    assert not path.exists()
    assert manifest("snli").files == {"snli.tar.gz": sha256(before)}


def test_a_downloaded_file_that_was_damaged_is_downloaded_again(offer, get, archive, asked):
    content = archive()
    offer("snli", he={"snli.tar.gz": content})
    get("snli")
    (downloads("he") / "snli.tar.gz").write_bytes(b"damaged")
    get("snli")
    assert len(asked()) == 2
    assert (downloads("he") / "snli.tar.gz").read_bytes() == content


def test_a_file_that_could_not_be_read_is_downloaded_again(offer, get, site, archive, refused):
    content = archive()
    offer("snli", he={"snli.tar.gz": content[:-100]})
    assert "snli.tar.gz is truncated or corrupt: " in refused(get, "snli")
    assert pinned(downloads("he") / "snli.tar.gz") is None
    site.files["/he/snli.tar.gz"], site.etag = content, '"second"'
    assert get("snli").files == {"snli.tar.gz": sha256(content)}


def test_a_file_with_texts_of_another_dataset_stays_for_that_one(offer, get, archive, refused):
    content = archive()
    offer("snli", kim={"data.tar.gz": content})
    offer("ptb", kim={"data.tar.gz": content})
    get("snli")
    assert "has no texts of 'ptb'" in refused(get, "ptb")
    assert (downloads("kim") / "data.tar.gz").read_bytes() == content


def test_a_download_that_broke_off_goes_on_where_it_was(offer, get, site, packed, texts, refused):
    files = texts("he") | {
        "filling.bin": b"".join(hashlib.sha256(bytes([i])).digest() * 9 for i in range(200))
    }
    content = packed(files).read_bytes()
    offer("snli", he={"snli.tar.gz": content})
    site.cut = len(content) // 2
    line = refused(get, "snli")
    assert f"{site.cut} of {len(content)} bytes came; the next try goes on from there" in line
    assert manifest("snli") is None
    site.cut = None
    seen = []
    get("snli", progress=lambda *step: seen.append(step))
    assert site.sent == len(content)
    assert seen[-1] == ("snli.tar.gz", len(content), len(content))


def test_data_that_are_refused_leave_those_that_are_there(offer, get, laid, texts, refused, kept):
    offer("snli", he={"snli.tar.gz": b"PK\x03\x04"})
    import_files("snli", laid(texts()))
    before = cached_data("snli")
    refused(get, "snli")
    assert cached_data("snli") == before


def test_a_page_or_a_redirect_of_a_server_does_not_steer_the_terminal(
    offer, site, cache, fmnbench, monkeypatch
):
    code = "\x1b]0;mine\x07\x9b2J\u202e"
    offer("snli", one={"a.tar.gz": PAGE.replace(b"exceeded", code.encode())})
    done = fmnbench("data", "fetch", "snli")
    assert "an HTML page titled 'Quota" in done.complaint
    assert done.complaint.isprintable()
    site.redirect = f"https://[{code[:-1]}/"
    moved = Source(name="moved", summary="", files={"a.tar.gz": https(site.at("/moved"))})
    monkeypatch.setattr(cached_class("snli"), "sources", (moved,))
    done = fmnbench("data", "fetch", "snli")
    assert "]0;mine" in done.complaint
    assert done.complaint.isprintable()
