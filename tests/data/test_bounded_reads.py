"""Files of the cache that are read whole: one of a size that it never has is refused, unread."""

import os

import pytest

from fmnbench.data.cache import dataset_folder
from fmnbench.data.sources.download import Remote, download, pin
from fmnbench.data.vocabulary import Vocabulary
from fmnbench.errors import DataError

HUGE = 1 << 40  # bytes; on the disk it takes none


def swell(path):
    """Makes a file, or what there is of it, as long as no memory is."""
    path.touch()
    os.truncate(path, HUGE)
    return path


def test_a_word_list_is_read_up_to_its_limit(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("dog\n")
    with pytest.raises(DataError, match=r"vocab\.txt cannot be read \(More than 16,777,216 bytes"):
        Vocabulary.from_file(swell(path))


def test_a_word_list_beside_texts_is_read_up_to_its_limit(texts, laid, fmnbench, cache):
    folder = laid(texts("he"), "given")[0].parent
    (folder / "vocab.txt").write_text("dog\n")
    swell(folder / "vocab.txt")
    done = fmnbench("data", "import", "snli", folder.parent)
    assert done.code == 1
    assert "vocab.txt cannot be read (More than 16,777,216 bytes)" in done.complaint


def test_a_manifest_is_read_up_to_its_limit(fmnbench, cache):
    folder = dataset_folder("snli")
    folder.mkdir(parents=True)
    swell(folder / "account.json")
    done = fmnbench("data", "verify", "snli")
    assert done.code == 1
    assert "account.json cannot be read (" in done.complaint
    assert "More than 1,048,576 bytes" in done.complaint


def test_a_pin_is_read_up_to_its_limit(site, tmp_path):
    target = tmp_path / "data.tar.gz"
    pin(target, "ab" * 32)
    swell(tmp_path / "data.tar.gz.sha256")
    with pytest.raises(DataError, match="sha256 cannot be read"):
        download(Remote(url=site.url, kind="https"), target)


def test_a_note_beside_a_part_that_is_read_up_to_its_limit_means_beginning_anew(site, tmp_path):
    target = tmp_path / "data.tar.gz"
    site.cut = 120_000
    with pytest.raises(DataError, match="120000 of 300000"):
        download(Remote(url=site.url, kind="https"), target)
    swell(tmp_path / "data.tar.gz.part.json")
    site.cut, site.sent = None, 0
    download(Remote(url=site.url, kind="https"), target)
    assert site.sent == len(site.content)
