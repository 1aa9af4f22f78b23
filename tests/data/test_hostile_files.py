"""Files of strangers given to `fmnbench data import`: one line, and nothing is left behind."""

import io
import pickle
import struct
import tarfile
import zlib
from pathlib import Path

import pytest
import torch


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def tar_of(*members):
    """Returns a tar.gz of headers with their content."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, kind, target, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, target, len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def png_of(width, height):
    """Returns a whole PNG that says it is as large as this, and unpacks to little."""

    def chunk(kind, body):
        checksum = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + checksum

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(bytes(1_000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


TEXT = ("snli.train.txt", tarfile.REGTYPE, "", b"a b\n")
TARS = {
    "leads upwards": ([TEXT, ("../out.txt", tarfile.REGTYPE, "", b"x")], "a path with '..'"),
    "is absolute": ([("/tmp/out.txt", tarfile.REGTYPE, "", b"x")], "an absolute path"),
    "has a link": ([TEXT, ("snli.valid.txt", tarfile.SYMTYPE, "/etc/passwd", b"")], "a symbolic "),
    "has a link to a folder": (
        [("data", tarfile.SYMTYPE, "..", b""), ("data/out.txt", tarfile.REGTYPE, "", b"x")],
        "is a symbolic link; only files are taken",
    ),
    "has a hard link": ([TEXT, ("b.txt", tarfile.LNKTYPE, "snli.train.txt", b"")], "a hard link"),
    "has a device": ([("null", tarfile.CHRTYPE, "", b"")], "a device or another special file"),
    "has a name of 5 MB": (
        [("././@LongLink", tarfile.GNUTYPE_LONGNAME, "", bytes(5 << 20))],
        "a header of more than 4194304 bytes",
    ),
}


@pytest.fixture
def refusal(fmnbench, cache, unpacking, tmp_path):
    """Returns the one line that an import is refused with, after which nothing is left."""

    def attempt(name, *paths):
        before = sorted(tmp_path.rglob("*"))
        done = fmnbench("data", "import", name, *paths)
        assert (done.code, done.out) == (1, "")
        assert sorted(tmp_path.rglob("*")) == before
        assert sorted(cache.rglob("*")) == []
        return done.complaint

    return attempt


@pytest.mark.parametrize(("members", "fault"), TARS.values(), ids=TARS)
@pytest.mark.parametrize("name", ["snli", "omniglot"])
def test_an_archive_that_leads_astray_is_refused(name, members, fault, laid, refusal):
    (path,) = laid({"given.tar.gz": tar_of(*members)})
    line = refusal(name, path)
    assert line.startswith(f"error: {path} cannot be extracted: ")
    assert fault in line


def test_a_zip_that_leads_upwards_is_refused(packed, refusal):
    path = packed({"snli.train.txt": "a\n", "../out.txt": "x"}, "given.zip")
    assert "member '../out.txt' has a path with '..'" in refusal("snli", path)


def test_a_zip_of_drawings_is_never_unpacked(packed, drawings, fmnbench, cache, unpacking):
    png = next(iter(drawings().values()))
    path = packed(drawings() | {"../../Latin/character09/0009_16.png": png}, "given.zip")
    done = fmnbench("data", "import", "omniglot", path)
    assert (done.code, done.err) == (0, "")
    assert "41 training, 4 validation, 15 test rows" in done.out  # without the one that leads up
    assert sorted(path.parent.iterdir()) == [path, unpacking]
    assert list(unpacking.iterdir()) == []


@pytest.mark.parametrize(
    ("png", "fault"),
    [
        (bytes(64 << 20), "has 67,108,864 bytes; a drawing has at most 1,048,576"),
        (png_of(60_000, 60_000), "is 60000×60000 pixels; expected 105×105 or 28×28"),
        (png_of(105, 104), "is 105×104 pixels; expected 105×105 or 28×28"),
    ],
)
@pytest.mark.parametrize("suffix", ["zip", "tar.gz"])
def test_a_drawing_that_unpacks_to_too_much_is_refused(
    suffix, png, fault, packed, drawings, refusal
):
    files = drawings() | {"Latin/character09/0009_01.png": png}
    assert fault in refusal("omniglot", packed(files, f"given.{suffix}"))


@pytest.mark.parametrize("way", ["file", "archive"])
@pytest.mark.parametrize("form", ["pickle", "torch"])
def test_a_file_that_would_run_code_is_refused_and_it_does_not_run(
    form, way, laid, packed, refusal, tmp_path
):
    trap = Trap(tmp_path / "ran")
    file = io.BytesIO()
    if form == "torch":
        torch.save([trap, 1, 2], file)
    else:
        pickle.dump(trap, file)
    files = {"omniglot.pt": file.getvalue()}
    (path,) = laid(files) if way == "file" else [packed(files)]
    line = refusal("omniglot", path)
    assert "would run code when read" in line
    assert not (tmp_path / "ran").exists()


def test_the_trap_of_these_tests_works(tmp_path):
    pickle.loads(pickle.dumps(Trap(tmp_path / "ran")))
    assert (tmp_path / "ran").exists()
