import _thread
import contextlib
import gzip
import io
import os
import stat
import struct
import tarfile
import threading
import time
import zipfile

import numpy as np
import pytest

from fmnbench.data.archives import extract
from fmnbench.data.content import describe
from fmnbench.errors import DataError

FILES = {
    "readme.txt": b"hello\n",
    "images/a/0001_01.png": bytes(range(256)) * 20,
    "images/b/0001_01.png": b"",
    "deep/er/and/deeper/x.bin": np.random.default_rng(3).bytes(5000),
}
FORMS = ("zip", "tar", "tar.gz")


def make_tar(path, members, mode="w"):
    """Writes a tar whose members are names with content, or ready-made headers."""
    with tarfile.open(path, mode) as archive:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def make_zip(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def make(path, form, members):
    if form == "zip":
        return make_zip(path, members)
    return make_tar(path, members, "w:gz" if form == "tar.gz" else "w")


def header(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.fixture
def archive(tmp_path):
    return tmp_path / "given"  # no suffix: the content tells the kind


@pytest.fixture
def refused(archive):
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


@pytest.mark.parametrize("form", FORMS)
def test_a_good_archive_comes_out_as_it_went_in(tmp_path, archive, form):
    make(archive, form, FILES.items())
    out = tmp_path / "new" / "out"
    assert extract(archive, out) == [out / name for name in FILES]
    assert {name: (out / name).read_bytes() for name in FILES} == FILES
    assert [path.name for path in out.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("form", FORMS)
def test_every_file_is_counted_against_the_limit(archive, tmp_path, refused, form):
    make(archive, form, FILES.items())
    total = sum(map(len, FILES.values()))
    assert "limit" in refused(limit=total - 1)
    assert len(extract(archive, tmp_path / "out", limit=total)) == len(FILES)


@pytest.mark.parametrize("form", FORMS)
def test_more_members_than_allowed_are_refused(archive, tmp_path, refused, form):
    make(archive, form, FILES.items())
    assert "more than 3 members" in refused(members=3)
    assert len(extract(archive, tmp_path / "out", members=4)) == 4


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("../evil", "'..'"),
        ("good/../../evil", "'..'"),
        ("good/..", "'..'"),
        ("/etc/evil", "absolute"),
        ("//host/evil", "absolute"),
        ("C:/evil", "drive letter"),
        ("good/c:evil", "drive letter"),
        ("..\\evil", "backslash"),
        ("good\\..\\..\\evil", "backslash"),
        ("\\\\host\\evil", "backslash"),
        ("C:\\evil", "backslash"),
    ],
)
def test_a_name_that_leads_out_of_the_folder_is_refused(archive, refused, form, name, fault):
    make(archive, form, [("good/fine.txt", b"fine"), (name, b"evil")])
    assert fault in refused()


def test_a_zip_name_that_hides_its_end_behind_a_null_is_refused(archive, refused):
    make_zip(archive, [("fine.txtX..", b"evil")])
    archive.write_bytes(archive.read_bytes().replace(b"fine.txtX..", b"fine.txt\0.."))
    assert "null character" in refused()


@pytest.mark.parametrize("form", FORMS)
def test_a_name_cannot_write_codes_to_the_terminal(archive, refused, form):
    make(archive, form, [("../\x1b[2J\nno error", b"")])
    assert "\x1b" not in refused()


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (tarfile.SYMTYPE, "symbolic link"),
        (tarfile.LNKTYPE, "hard link"),
        (tarfile.CHRTYPE, "device"),
        (tarfile.BLKTYPE, "device"),
        (tarfile.FIFOTYPE, "special"),
        (tarfile.GNUTYPE_SPARSE, "special"),
    ],
)
def test_a_tar_member_that_is_no_plain_file_is_refused(archive, refused, mode, kind, words):
    make_tar(archive, [("a", b"a"), (header("link", kind, "../../outside"), b"")], mode)
    assert words in refused()


def test_a_link_inside_the_folder_is_refused_too(archive, refused):
    make_tar(archive, [("a", b"a"), (header("b", tarfile.SYMTYPE, "a"), b""), ("b/c", b"c")])
    assert "'b' is a symbolic link" in refused()


@pytest.mark.parametrize(
    ("mode", "words"), [(stat.S_IFLNK, "symbolic link"), (stat.S_IFIFO, "special")]
)
@pytest.mark.parametrize("name", ["link", "link/"])
def test_a_zip_member_that_is_no_plain_file_is_refused(archive, refused, mode, words, name):
    info = zipfile.ZipInfo(name)
    info.create_system = 3  # Unix: the upper half of the attributes is its mode
    info.external_attr = (mode | 0o777) << 16
    make_zip(archive, [("a", b"a"), (info, b"../../outside")])
    assert words in refused()


@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_a_small_archive_of_many_zeros_is_refused(archive, refused, form):
    make(archive, form, [("zeros", bytes(8 << 20))])
    assert archive.stat().st_size < 1 << 15
    assert "more than the limit of 1048576 bytes" in refused(limit=1 << 20)


@pytest.mark.parametrize(
    ("declared", "limit", "words"),
    [
        (100, 1 << 20, "corrupt"),  # no more than the declared 100 bytes are unpacked
        (100 << 20, 1 << 20, "limit"),
        (100 << 20, 1 << 30, "has 4194304 of 104857600 bytes"),
    ],
)
def test_a_zip_whose_declared_size_is_a_lie_is_refused(archive, refused, declared, limit, words):
    make_zip(archive, [("zeros", bytes(4 << 20))])
    true, lie = struct.pack("<I", 4 << 20), struct.pack("<I", declared)
    assert archive.read_bytes().count(true) == 2  # before the content and in the directory
    archive.write_bytes(archive.read_bytes().replace(true, lie))
    assert words in refused(limit=limit)


def test_zeros_that_belong_to_no_file_of_a_tar_are_counted(archive, refused):
    folder = header("folder", tarfile.DIRTYPE)
    folder.size = 64 << 20  # skipped by a reader, and unpacked all the same
    content = folder.tobuf() + bytes(65 << 20)
    archive.write_bytes(gzip.compress(content, compresslevel=1))
    assert "unpacks to more than" in refused(limit=1 << 20, members=10)


def test_a_long_name_of_many_bytes_is_not_read_into_memory(archive, refused):
    name = header("././@LongLink", tarfile.GNUTYPE_LONGNAME)
    name.size = 32 << 20
    archive.write_bytes(gzip.compress(name.tobuf() + bytes(33 << 20), compresslevel=1))
    assert "header" in refused()


@pytest.mark.parametrize("form", FORMS)
def test_a_member_that_comes_twice_is_refused(archive, refused, form):
    with (
        pytest.warns(UserWarning, match="Duplicate name")
        if form == "zip"
        else contextlib.nullcontext()
    ):
        make(archive, form, [("a/b", b"1"), ("a/b", b"2")])
    assert "'a/b' comes twice" in refused()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("again", ["a//b", "./a/b", "a/./b"])
def test_a_member_that_comes_twice_in_two_spellings_is_refused(archive, refused, form, again):
    make(archive, form, [("a/b", b"1"), (again, b"2")])
    assert "comes twice" in refused()


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_another_member_takes_for_a_folder_is_refused(archive, refused, form):
    make(archive, form, [("a", b"1"), ("a/b", b"2")])
    refused()


def test_an_encrypted_zip_is_refused(archive, refused):
    make_zip(archive, [("secret", b"secret" * 9)])
    content = bytearray(archive.read_bytes())
    content[6] |= 1  # the flags, before the content ...
    content[content.index(b"PK\x01\x02") + 8] |= 1  # ... and in the directory
    archive.write_bytes(content)
    assert "'secret' is encrypted" in refused()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_packed_by_a_method_without_a_bound_on_memory_is_refused(archive, refused, method):
    make_zip(archive, [("zeros", bytes(100))], method)
    assert "other than deflate" in refused()


@pytest.mark.parametrize("form", FORMS)
def test_an_archive_cut_anywhere_is_refused(archive, refused, form):
    whole = make(archive, form, FILES.items()).read_bytes()
    # past the first block of zeros a tar is whole: what follows is padding
    end = 512 * 16 if form == "tar" else len(whole)
    lengths = np.linspace(1, end - 1, 60).astype(int)
    for length in lengths:
        archive.write_bytes(whole[:length])
        refused()


@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_a_changed_bit_is_noticed(archive, refused, form):
    content = bytearray(make(archive, form, FILES.items()).read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)
    refused()


def test_a_wrong_checksum_of_a_zip_member_is_noticed(archive, refused):
    make_zip(archive, [("a.txt", b"the content")], zipfile.ZIP_STORED)
    archive.write_bytes(archive.read_bytes().replace(b"the content", b"the c0ntent"))
    assert "CRC" in refused()


def test_a_damaged_header_is_not_taken_for_the_end_of_a_tar(archive, refused):
    content = make_tar(archive, FILES.items()).read_bytes()
    archive.write_bytes(content.replace(b"images/b/0001", b"images/c/0001"))
    assert "mark of its end" in refused()


def test_what_follows_the_end_of_a_tar_is_not_passed_over(archive, refused):
    content = make_tar(archive, FILES.items()).read_bytes()
    archive.write_bytes(content + content)
    assert "follow" in refused()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"\n<!DOCTYPE html>\n<html><title>Quota\n exceeded</title>", "titled 'Quota exceeded'"),
        (b"<HTML><body>no", "an HTML page"),
        (b"one line\nanother\n", "text"),
        ("ä".encode() * 40_000, "text"),
        (b"\x80\x04\x95\x00", "data of an unknown kind"),
        (b"7z\xbc\xaf\x27\x1c\x00\x04", "a 7z archive"),
        (gzip.compress(b"a line of text\n" * 99), "gzip data with text inside"),
    ],
)
def test_what_is_no_archive_is_named_for_what_it_looks_like(archive, refused, content, words):
    archive.write_bytes(content)
    assert words in refused()


def test_the_title_of_a_page_cannot_write_codes_to_the_terminal():
    page = b"<html><title>\x1b[31mfoo&#27;[2J&amp;\xff</title>"
    assert describe(page) == "an HTML page titled '[31mfoo[2J&\ufffd'"
    assert len(describe(b"<html><title>" + b"x" * 5000 + b"</title>")) < 120


@pytest.mark.parametrize("form", FORMS)
def test_what_is_in_the_folder_already_is_not_touched(archive, tmp_path, refused, form):
    make(archive, form, FILES.items())
    out = tmp_path / "out"
    out.mkdir()
    assert len(extract(archive, out)) == len(FILES)
    (out / "readme.txt").write_bytes(b"mine")
    assert "already" in refused()
    assert (out / "readme.txt").read_bytes() == b"mine"


def test_a_missing_archive_is_one_line(refused):
    assert "No such file" in refused()


@pytest.mark.parametrize("form", FORMS)
def test_folders_in_an_archive_and_a_leading_dot_are_fine(archive, tmp_path, form):
    folder = header("./a", tarfile.DIRTYPE) if form != "zip" else "a/"
    root = header(".", tarfile.DIRTYPE) if form != "zip" else "./"
    make(archive, form, [(root, b""), (folder, b""), ("./a/b", b"1")])
    assert extract(archive, tmp_path / "out") == [tmp_path / "out" / "a" / "b"]


def test_permissions_are_not_taken_over(archive, tmp_path):
    info = tarfile.TarInfo("tool")
    info.mode = 0o4777
    make_tar(archive, [(info, b"#!/bin/sh")])
    mask = os.umask(0o022)
    try:
        (path,) = extract(archive, tmp_path / "out")
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755


def test_an_interrupted_extraction_leaves_nothing(archive, tmp_path):
    archive.write_bytes(gzip.compress(tar_of_zeros(128 << 20), compresslevel=1))

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


def tar_of_zeros(size):
    info = header("zeros", tarfile.REGTYPE)
    info.size = size
    return info.tobuf() + bytes(size + 1024)
