import _thread
import gzip
import struct
import tarfile
import threading
import time
import zipfile

import numpy as np
import pytest

from fmnbench.data.sources.archives import extract
from fmnbench.data.sources.content import describe

FORMS = ("zip", "tar", "tar.gz")


@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_a_small_archive_of_many_zeros_is_refused(archive, rejected, form, make):
    make(archive, form, [("zeros", bytes(8 << 20))])
    assert archive.stat().st_size < 1 << 15
    assert "more than the limit of 1048576 bytes" in rejected(limit=1 << 20)


@pytest.mark.parametrize(
    ("declared", "limit", "words"),
    [
        (100, 1 << 20, "corrupt"),  # no more than the declared 100 bytes are unpacked
        (100 << 20, 1 << 20, "limit"),
        (100 << 20, 1 << 30, "has 4194304 of 104857600 bytes"),
    ],
)
def test_a_zip_whose_declared_size_is_a_lie_is_refused(
    archive, rejected, declared, limit, words, make
):
    make.zip(archive, [("zeros", bytes(4 << 20))])
    true, lie = struct.pack("<I", 4 << 20), struct.pack("<I", declared)
    assert archive.read_bytes().count(true) == 2  # before the content and in the directory
    archive.write_bytes(archive.read_bytes().replace(true, lie))
    assert words in rejected(limit=limit)


def test_zeros_that_belong_to_no_file_of_a_tar_are_counted(archive, rejected, make):
    # skipped by a reader, and unpacked all the same
    folder = make.header("folder", tarfile.DIRTYPE, size=64 << 20)
    content = folder.tobuf() + bytes(65 << 20)
    archive.write_bytes(gzip.compress(content, compresslevel=1))
    assert "unpacks to more than" in rejected(limit=1 << 20, members=10)


def test_a_long_name_of_many_bytes_is_not_read_into_memory(archive, rejected, make):
    name = make.header("././@LongLink", tarfile.GNUTYPE_LONGNAME, size=32 << 20)
    archive.write_bytes(gzip.compress(name.tobuf() + bytes(33 << 20), compresslevel=1))
    assert "a header of more than" in rejected()


def test_an_encrypted_zip_is_refused(archive, rejected, make):
    make.zip(archive, [("secret", b"secret" * 9)])
    content = bytearray(archive.read_bytes())
    content[6] |= 1  # the flags, before the content ...
    content[content.index(b"PK\x01\x02") + 8] |= 1  # ... and in the directory
    archive.write_bytes(content)
    assert "'secret' is encrypted" in rejected()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_packed_by_a_method_without_a_bound_on_memory_is_refused(
    archive, rejected, method, make
):
    make.zip(archive, [("zeros", bytes(100))], method)
    assert "other than deflate" in rejected()


@pytest.mark.parametrize("form", FORMS)
def test_an_archive_cut_anywhere_is_refused(archive, rejected, form, make, files):
    whole = make(archive, form, files.items()).read_bytes()
    # past the first block of zeros a tar is whole: what follows is padding
    end = 512 * 16 if form == "tar" else len(whole)
    lengths = np.linspace(1, end - 1, 60).astype(int)
    for length in lengths:
        archive.write_bytes(whole[:length])
        rejected()


@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_a_changed_bit_is_noticed(archive, rejected, form, make, files):
    content = bytearray(make(archive, form, files.items()).read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)
    rejected()


def test_a_wrong_checksum_of_a_zip_member_is_noticed(archive, rejected, make):
    make.zip(archive, [("a.txt", b"the content")], zipfile.ZIP_STORED)
    archive.write_bytes(archive.read_bytes().replace(b"the content", b"the c0ntent"))
    assert "CRC" in rejected()


def test_a_damaged_header_is_not_taken_for_the_end_of_a_tar(archive, rejected, make, files):
    content = make.tar(archive, files.items()).read_bytes()
    archive.write_bytes(content.replace(b"images/b/0001", b"images/c/0001"))
    assert "mark of its end" in rejected()


def test_what_follows_the_end_of_a_tar_is_not_passed_over(archive, rejected, make, files):
    content = make.tar(archive, files.items()).read_bytes()
    archive.write_bytes(content + content)
    assert "follow" in rejected()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"\n<!DOCTYPE html>\n<html><title>Quota\n exceeded</title>", "titled 'Quota exceeded'"),
        (b"<HTML><body>no", "an HTML page"),
        (b"one line\nanother\n", "like text"),
        (b"x" + "ä".encode() * 40_000, "like text"),
        (b"\x80\x04\x95\x00", "data of an unknown kind"),
        (b"7z\xbc\xaf\x27\x1c\x00\x04", "a 7z archive"),
        (gzip.compress(b"a line of text\n" * 99, mtime=0), "gzip data with text inside"),
    ],
)
def test_what_is_no_archive_is_named_for_what_it_looks_like(archive, rejected, content, words):
    archive.write_bytes(content)
    assert words in rejected()


def test_the_title_of_a_page_cannot_write_codes_to_the_terminal():
    page = b"<html><title>\x1b[31mfoo&#27;[2J&amp;\xff</title>"
    assert describe(page) == "an HTML page titled '[31mfoo[2J&\ufffd'"
    assert len(describe(b"<html><title>" + b"x" * 5000 + b"</title>")) < 120


def test_a_missing_archive_is_one_line(rejected):
    assert "No such file" in rejected()


def test_an_interrupted_extraction_leaves_nothing(archive, tmp_path, make):
    content = make.header("zeros", size=128 << 20).tobuf() + bytes(128 << 20)
    archive.write_bytes(gzip.compress(content, compresslevel=1))

    def interrupt():
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if any(path.stat().st_size for path in tmp_path.glob(".out.*/files/zeros")):
                break
            time.sleep(0.001)
        _thread.interrupt_main()

    watcher = threading.Thread(target=interrupt)
    watcher.start()
    with pytest.raises(KeyboardInterrupt):
        extract(archive, tmp_path / "out")
    watcher.join()
    assert list(tmp_path.iterdir()) == [archive]
