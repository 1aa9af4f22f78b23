"""Omniglot's files: whatever the layout, the same drawings come out."""

import hashlib
import io

import numpy as np
import pytest
import torch
from scipy.io import savemat

from fmnbench.data.acquire import import_files
from fmnbench.data.cache import SPLITS, dataset_folder, manifest
from fmnbench.data.catalogue import cached_dataset
from fmnbench.data.readers import opened
from fmnbench.data.readers.omniglot_files import BURDA
from fmnbench.data.readers.permutation import permutation

VALIDATION = 2_000
ALL = BURDA.training + BURDA.test


def read(name, paths, **options):
    return opened.read(cached_dataset(name), paths, **options)


def saved(content):
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


@pytest.fixture(scope="module")
def ink():
    """Returns as many rows of bits as Burda's file has, which are windows of one long line."""
    line = (np.random.default_rng(0).random(ALL + 783) < 0.1).astype(np.float32)
    rows = torch.from_numpy(line).as_strided((ALL, 1, 28, 28), (1, 1, 28, 1))
    assert torch.equal(rows[5, 0, 1], torch.from_numpy(line[33:61]))
    return rows


@pytest.fixture(scope="module")
def torch_files(ink):
    """Returns the file of He et al., as three tensors and with labels between."""
    parts = torch.split(ink, [BURDA.training - VALIDATION, VALIDATION, BURDA.test])
    labelled = [part for images in parts for part in (images, torch.zeros(len(images)))]
    return {"three": saved(list(parts)), "six": saved(labelled)}


@pytest.fixture(scope="module")
def matlab_file(ink):
    """Returns the file of Burda et al.: pixels column by column, an image a column."""
    columns = ink.to(torch.uint8).transpose(2, 3).reshape(ALL, 784).T.numpy()
    content = {"data": columns[:, : BURDA.training], "testdata": columns[:, BURDA.training :]}
    file = io.BytesIO()
    savemat(file, content, do_compression=True)
    return file.getvalue()


def pixels(contents, split):
    return contents.tables[split]["image"].combine_chunks().flatten().to_numpy().reshape(-1, 784)


@pytest.mark.parametrize("tensors", ["three", "six"])
@pytest.mark.parametrize("way", ["file", "folder", "archive"])
def test_the_torch_file_is_read_wherever_it_lies(way, tensors, torch_files, ink, laid, packed):
    files = {"omniglot_data/omniglot.pt": torch_files[tensors]}
    (path,) = [packed(files)] if way == "archive" else laid(files)
    contents = read("omniglot", [path.parents[1] if way == "folder" else path])
    assert (contents.kind, contents.form, contents.binary) == ("images", "he", True)
    assert contents.source == "tensors of omniglot.pt"
    rows = ink.reshape(ALL, 784).numpy()
    bounds = [BURDA.training - VALIDATION, BURDA.training]
    for split, truth in zip(SPLITS, np.split(rows, bounds), strict=True):
        assert np.array_equal(pixels(contents, split), truth)


@pytest.mark.parametrize("way", ["file", "zip", "tar.gz"])
def test_the_matlab_file_is_read_wherever_it_lies(way, matlab_file, ink, laid, packed):
    files = {"data/omniglot/chardata.mat": matlab_file}
    (path,) = laid(files) if way == "file" else [packed(files, f"given.{way}")]
    contents = read("omniglot", [path])
    assert (contents.kind, contents.form, contents.binary) == ("images", "burda", True)
    rows = ink.reshape(ALL, 784).numpy()
    order = permutation(BURDA.training, "omniglot/validation")
    bounds = [BURDA.training - VALIDATION]
    train, validation = np.split(rows[order], bounds)
    assert np.array_equal(pixels(contents, "train"), train)
    assert np.array_equal(pixels(contents, "validation"), validation)
    assert np.array_equal(pixels(contents, "test"), rows[BURDA.training :])


@pytest.mark.parametrize("side", [28, 105])
def test_drawings_are_the_same_from_zips_folders_and_archives(side, drawings, laid, packed):
    files = drawings(side)
    laid(files, "folder")
    items = sorted(files.items(), key=lambda item: item[0][::-1])
    halves = [packed(dict(items[half::2]), f"{half}.zip") for half in (0, 1)]
    whole = packed(files, "whole.zip")
    contents = read("omniglot", [whole])
    assert [len(table) for table in contents.tables.values()] == [41, 4, 15]
    assert (contents.form, contents.binary) == ("partial", side == 28)
    for paths in (halves, [whole.parent / "folder"], [packed(files, "whole.tar.gz")]):
        assert read("omniglot", paths).tables == contents.tables


def test_drawings_of_another_stroke_are_other_contents(drawings, packed):
    one = read("omniglot", [packed(drawings(), "one.zip")])
    other = read("omniglot", [packed(drawings(characters=(1, 2, 4)), "other.zip")])
    assert one.tables != other.tables


def test_an_import_says_what_it_was_made_from(cache, drawings, packed, laid):
    path = packed(drawings(), "images.zip")
    found = import_files("omniglot", [path])
    assert found == manifest("omniglot")
    assert found.files == {"images.zip": hashlib.sha256(path.read_bytes()).hexdigest()}
    assert found.source.startswith("Lake's drawings in images.zip (28×28), 60 of 32,460 images")
    assert found.statistics["rows"] == {"train": 41, "validation": 4, "test": 15}
    assert found.statistics["form"] == "partial"
    assert found.folder == found.sha256[:16]
    assert (dataset_folder("omniglot") / found.folder).is_dir()


def test_the_hash_of_a_folder_is_that_of_its_files(cache, drawings, laid):
    files = drawings()
    paths = laid(files)
    top = paths[0].parents[3]
    before = import_files("omniglot", [top]).files
    (top / "images_background/Latin/notes.txt").write_text("more")
    after = import_files("omniglot", [top]).files
    assert list(before) == list(after) == ["given"]
    assert before != after


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"omniglot.pt": b"PK\x03\x04cut"}, "omniglot.pt is not a whole torch file; expected omn"),
        ({"chardata.mat": b"text"}, "chardata.mat is not a whole MATLAB file; expected chardata"),
        ({"images.zip": b"PK\x03\x04cut"}, "images.zip is not a whole zip archive "),
        ({"images.tar.gz": b"\x1f\x8b\x08cut"}, "images.tar.gz is truncated or corrupt: "),
        ({"notes.txt": b"text"}, "notes.txt is not a whole zip archive "),
        ({"1.png": b"x", "2.png": b"y"}, "1.png is not a whole zip archive "),
        (
            {"page.zip": b"<!DOCTYPE html><title>Sign in</title>"},
            "page.zip is an HTML page titled 'Sign in'; expected omniglot.pt, chardata.mat, "
            "an archive with one of them, or zips or folders of ALPHABET/characterNN/NNNN_MM.png",
        ),
        ({"nothing.zip": b""}, "nothing.zip is an empty file; expected omniglot.pt, chardata.mat"),
    ],
)
def test_files_that_are_not_omniglot_are_one_line(files, message, laid, refused):
    line = refused(read, "omniglot", laid(files))
    assert message in line


def test_a_missing_file_is_named_with_what_is_taken(tmp_path, refused):
    line = refused(read, "omniglot", [tmp_path / "gone.zip"])
    start = f"{tmp_path / 'gone.zip'} cannot be read (No such file or directory); expected "
    assert line.startswith(f"{start}omniglot.pt, chardata.mat, an archive")
    assert "File name too long" in refused(read, "omniglot", [tmp_path / ("x" * 300)])


def test_an_archive_without_drawings_says_what_is_looked_for(packed, refused):
    line = refused(read, "omniglot", [packed({"README.md": "text"})])
    assert "no drawing in it; expected a zip or folder of ALPHABET/characterNN/" in line
