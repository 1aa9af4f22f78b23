import contextlib
import os
import stat
import tarfile
import zipfile

import pytest

from fmnbench.data.sources.archives import extract

FORMS = ("zip", "tar", "tar.gz")


@pytest.mark.parametrize("form", FORMS)
def test_a_good_archive_comes_out_as_it_went_in(tmp_path, archive, form, make, files):
    make(archive, form, files.items())
    out = tmp_path / "new" / "out"
    assert extract(archive, out) == [out / name for name in files]
    assert {name: (out / name).read_bytes() for name in files} == files
    assert [path.name for path in out.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("form", FORMS)
def test_every_file_is_counted_against_the_limit(archive, tmp_path, rejected, form, make, files):
    make(archive, form, files.items())
    total = sum(map(len, files.values()))
    assert "limit" in rejected(limit=total - 1)
    assert len(extract(archive, tmp_path / "out", limit=total)) == len(files)


@pytest.mark.parametrize("form", FORMS)
def test_more_members_than_allowed_are_refused(archive, tmp_path, rejected, form, make, files):
    make(archive, form, files.items())
    assert "more than 3 members" in rejected(members=3)
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
def test_a_name_that_leads_out_of_the_folder_is_refused(
    archive, rejected, form, name, fault, make
):
    make(archive, form, [("good/fine.txt", b"fine"), (name, b"evil")])
    assert fault in rejected()


def test_a_zip_name_that_hides_its_end_behind_a_null_is_refused(archive, rejected, make):
    make.zip(archive, [("fine.txtX..", b"evil")])
    archive.write_bytes(archive.read_bytes().replace(b"fine.txtX..", b"fine.txt\0.."))
    assert "null character" in rejected()


@pytest.mark.parametrize("form", FORMS)
def test_a_name_cannot_write_codes_to_the_terminal(archive, rejected, form, make):
    make(archive, form, [("../\x1b[2J\nno error", b"")])
    assert "\x1b" not in rejected()


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
def test_a_tar_member_that_is_no_plain_file_is_refused(archive, rejected, mode, kind, words, make):
    make.tar(archive, [("a", b"a"), (make.header("link", kind, "../../outside"), b"")], mode)
    assert words in rejected()


def test_a_link_inside_the_folder_is_refused_too(archive, rejected, make):
    make.tar(archive, [("a", b"a"), (make.header("b", tarfile.SYMTYPE, "a"), b""), ("b/c", b"c")])
    assert "'b' is a symbolic link" in rejected()


@pytest.mark.parametrize(
    ("mode", "words"), [(stat.S_IFLNK, "symbolic link"), (stat.S_IFIFO, "special")]
)
@pytest.mark.parametrize("name", ["link", "link/"])
def test_a_zip_member_that_is_no_plain_file_is_refused(archive, rejected, mode, words, name, make):
    info = zipfile.ZipInfo(name)
    info.create_system = 3  # Unix: the upper half of the attributes is its mode
    info.external_attr = (mode | 0o777) << 16
    make.zip(archive, [("a", b"a"), (info, b"../../outside")])
    assert words in rejected()


@pytest.mark.parametrize("form", FORMS)
def test_a_member_that_comes_twice_is_refused(archive, rejected, form, make):
    with (
        pytest.warns(UserWarning, match="Duplicate name")
        if form == "zip"
        else contextlib.nullcontext()
    ):
        make(archive, form, [("a/b", b"1"), ("a/b", b"2")])
    assert "'a/b' comes twice" in rejected()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("again", ["a//b", "./a/b", "a/./b"])
def test_a_member_that_comes_twice_in_two_spellings_is_refused(
    archive, rejected, form, again, make
):
    make(archive, form, [("a/b", b"1"), (again, b"2")])
    assert "comes twice" in rejected()


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_another_member_takes_for_a_folder_is_refused(archive, rejected, form, make):
    make(archive, form, [("a", b"1"), ("a/b", b"2")])
    rejected()


@pytest.mark.parametrize("form", FORMS)
def test_what_is_in_the_folder_already_is_not_touched(
    archive, tmp_path, rejected, form, make, files
):
    make(archive, form, files.items())
    out = tmp_path / "out"
    out.mkdir()
    assert len(extract(archive, out)) == len(files)
    (out / "readme.txt").write_bytes(b"mine")
    assert "already" in rejected()
    assert (out / "readme.txt").read_bytes() == b"mine"


@pytest.mark.parametrize("form", FORMS)
def test_folders_in_an_archive_and_a_leading_dot_are_fine(archive, tmp_path, form, make):
    folder = make.header("./a", tarfile.DIRTYPE) if form != "zip" else "a/"
    root = make.header(".", tarfile.DIRTYPE) if form != "zip" else "./"
    make(archive, form, [(root, b""), (folder, b""), ("./a/b", b"1")])
    assert extract(archive, tmp_path / "out") == [tmp_path / "out" / "a" / "b"]


def test_permissions_are_not_taken_over(archive, tmp_path, make):
    info = tarfile.TarInfo("tool")
    info.mode = 0o4777
    make.tar(archive, [(info, b"#!/bin/sh")])
    mask = os.umask(0o022)
    try:
        (path,) = extract(archive, tmp_path / "out")
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755
