"""Small files that ask for much memory: `data import` refuses them before it takes the memory."""

import functools
import json
import os
import struct
import subprocess
import sys
import zipfile
import zlib

import pytest
import torch

pytestmark = pytest.mark.slow  # it starts a process that imports all readers
MOST = 200 << 20  # bytes; or four times the file
MEASURE = """
import json, os, sys
from pathlib import Path

import datasets, scipy.io, torch
from fmnbench.data.acquire import import_files
from fmnbench.errors import FmnbenchError

def peak():  # of this process alone: ru_maxrss begins with that of the parent
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10

for line in sys.stdin:  # each import in a process of its own, forked from this one
    folder, name, *paths = json.loads(line)
    child = os.fork()
    if child == 0:
        os.environ["FMNBENCH_CACHE"] = folder
        said, before = [], peak()
        try:
            import_files(name, list(map(Path, paths)))
        except FmnbenchError as error:
            said.append(str(error))
        print(json.dumps([said, peak() - before]), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""
ZEROS = bytes(1 << 20)


@pytest.fixture(scope="module")
def importer():
    """Returns a process that imports what it is told to, and says what memory that took."""
    with subprocess.Popen(
        [sys.executable, "-c", MEASURE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        yield process
        process.stdin.close()
    assert process.returncode == 0


@pytest.fixture
def refusal(importer, cache):
    """Returns the line that an import is refused with, after little memory was taken."""

    def attempt(name, *paths):
        importer.stdin.write(json.dumps([str(cache), name, *map(str, paths)]) + "\n")
        importer.stdin.flush()
        (line,), taken = json.loads(importer.stdout.readline())
        assert taken < max(MOST, 4 * sum(path.stat().st_size for path in paths)), line
        return line

    return attempt


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ((3_000_000, 2_000, 8_070), "has 3,002,000 training and validation images"),
        ((22_345, 2_000, 8_070), "the train split has a mean of 0.000; expected ink = 1"),
    ],
)
def test_a_torch_file_of_one_pixel_that_is_expanded_is_refused(rows, fault, refusal, tmp_path):
    path = tmp_path / "omniglot.pt"
    torch.save([torch.zeros(1, 1, 1, 1).expand(n, 1, 28, 28) for n in rows], path)
    assert path.stat().st_size < 3_000
    assert fault in refusal("omniglot", path)


def test_a_torch_file_that_is_compressed_is_refused(refusal, tmp_path):
    plain, path = tmp_path / "plain.pt", tmp_path / "omniglot.pt"
    torch.save([torch.zeros(n, 1, 28, 28) for n in (22_345, 2_000, 8_070)], plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    assert "is compressed, as no torch file is" in refusal("omniglot", path)


@functools.cache
def matlab(columns, size):
    """Returns an array `data` of 784 rows of bytes, compressed, with so many bytes of zeros."""

    def element(kind, content):
        return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)

    flags = element(6, struct.pack("<II", 9, 0))  # class uint8
    head = flags + element(5, struct.pack("<ii", 784, columns)) + element(1, b"data")
    pack = zlib.compressobj(1)
    whole = struct.pack("<II", 14, len(head) + 8 + size) + head + struct.pack("<II", 2, size)
    parts = [pack.compress(whole), *(pack.compress(ZEROS) for _ in range(size >> 20))]
    body = b"".join([*parts, pack.flush()])
    return struct.pack("<II", 15, len(body)) + body


@pytest.mark.parametrize(
    ("arrays", "fault"),
    [
        ([(500_000, 400 << 20)], "testdata is no such array"),
        ([(24_345, 400 << 20), (24_345, 1 << 20)], "data is there several times"),
    ],
)
def test_a_matlab_file_that_unpacks_to_much_is_refused(arrays, fault, refusal, tmp_path):
    path = tmp_path / "chardata.mat"
    parts = [matlab(columns, size) for columns, size in arrays]
    path.write_bytes(b"MATLAB 5.0".ljust(124) + b"\x00\x01IM" + b"".join(parts))
    assert fault in refusal("omniglot", path)


def test_a_matlab_array_of_the_right_shape_with_more_bytes_than_that_is_refused(refusal, tmp_path):
    path = tmp_path / "chardata.mat"
    ours, theirs = matlab(24_345, 400 << 20), matlab(8_070, 1 << 20)
    header = b"MATLAB 5.0".ljust(124) + b"\x00\x01IM"
    named = (
        zlib.decompressobj()
        .decompress(theirs[8:])
        .replace(
            struct.pack("<II", 1, 4) + b"data" + bytes(4), struct.pack("<II", 1, 8) + b"testdata"
        )
    )
    body = zlib.compress(named)
    path.write_bytes(header + ours + struct.pack("<II", 15, len(body)) + body)
    assert "unpacks to more than its images" in refusal("omniglot", path)


def test_a_zip_that_understates_the_size_of_a_drawing_is_refused(refusal, tmp_path):
    path = tmp_path / "images.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("Latin/character01/0001_01.png", "w") as file,
    ):
        for _ in range(400):
            file.write(ZEROS)
    true = struct.pack("<I", 400 << 20)
    path.write_bytes(path.read_bytes().replace(true, struct.pack("<I", 900)))
    assert "Bad CRC-32" in refusal("omniglot", path)


def test_a_line_of_millions_of_words_is_refused_with_the_option_that_leaves_it_out(
    refusal, tmp_path
):
    train, short = tmp_path / "train.txt", tmp_path / "short.txt"
    train.write_bytes(b"a dog\n" * 300 + b"a " * 10_000_000 + b"\n")
    short.write_bytes(b"a dog\n")
    line = refusal("text/mine", train, short, short)
    assert f"{train}, line 301: a text of more than 100,000 words; --longest N leaves" in line


def test_rows_that_one_long_text_would_widen_are_refused_with_what_would_fit(refusal, tmp_path):
    train, short = tmp_path / "train.txt", tmp_path / "short.txt"
    train.write_bytes(b"a dog\n" * 9_999 + b"a " * 90_000 + b"\n")
    short.write_bytes(b"a dog\n")
    line = refusal("text/mine", train, short, short)
    assert "10,000 rows as long as its longest text, 90,000 words, take 3.6 GB" in line
    assert "up to --longest 5000 they fit" in line
