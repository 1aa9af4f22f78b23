"""The cache: what is kept comes back, and what is damaged is told in one line."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import platformdirs
import pyarrow as pa
import pytest

from fmnbench.data.cache import (
    SPLITS,
    Manifest,
    cache_folder,
    cached_data,
    dataset_folder,
    install,
    manifest,
)
from fmnbench.data.readers.omniglot_images import Images
from fmnbench.data.readers.tables import of_images
from fmnbench.errors import DataError, DataMissing

MANIFEST = Manifest(
    place="snli",
    folder="ab12",
    kind="texts",
    source="zwölf Bögen",
    form="of its own",
    files={"train.txt": "ab" * 32},
    binary=True,
    dropped={"empty": 3},
    settings={"vocabulary": None, "name": "x", "scale": 0.5, "sides": (1, 2)},
    statistics={"sha256": "cd" * 32, "rows": {"train": 2}, "mean": 0.1 + 0.2},
    arrived="2026-01-01T00:00:00+00:00",
)


@pytest.fixture
def put(cache):
    """Returns a function that keeps texts in the place snli, under a folder's name."""

    def run(*texts, folder="ab12"):
        tables = {split: pa.table({"text": list(texts)}) for split in SPLITS}
        return install("snli", tables, lambda _: dataclasses.replace(MANIFEST, folder=folder))

    return run


def three(*texts):
    return {split: list(texts) for split in SPLITS}


def inside(place="snli"):
    return sorted(path.name for path in dataset_folder(place).iterdir())


def arrow(split="test"):
    (path,) = (cached_data("snli").folder / split).glob("*.arrow")
    return path


def test_an_account_comes_back_as_it_was_kept(put):
    assert put("a b") == MANIFEST
    assert manifest("snli") == MANIFEST
    assert manifest("snli").sha256 == "cd" * 32


def test_of_a_place_with_nothing_there_is_no_account_and_the_way_to_get_it_is_told(cache):
    assert manifest("snli") is None
    for place, way in {
        "snli": "import snli PATH...",
        "text/own": "import text/own PATH...",
        "yahoo": "fetch yahoo",
    }.items():
        with pytest.raises(DataMissing) as error:
            cached_data(place)
        expected = f"The data of '{place}' are not here; get them by: fmnbench data {way}"
        assert str(error.value) == expected


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-40],
        lambda _: "",
        lambda _: "[]",
        lambda text: text.replace('"texts"', '"numbers"'),
        lambda text: text.replace('"folder"', '"holder"'),
        lambda text: text.replace('"vocabulary": null', '"vocabulary": {}'),
    ],
)
def test_a_damaged_account_is_one_line_with_its_path(put, damage, refused):
    put("a b")
    path = dataset_folder("snli") / "account.json"
    path.write_text(damage(path.read_text()))
    line = refused(manifest, "snli")
    assert line.startswith(f"{path} cannot be read (")
    assert line.endswith("); fetch or import it again.")


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: path.write_bytes(b"<html>"),
        lambda path: path.write_bytes(b""),
        Path.unlink,
        lambda path: shutil.rmtree(path.parents[1]),
    ],
)
def test_damaged_data_are_one_line_with_their_folder(put, damage, refused):
    put("a b")
    folder, path = cached_data("snli").folder, arrow()
    damage(path)
    line = refused(cached_data("snli").column, "test", "text")
    assert line.startswith(f"The data in {folder} are damaged (")
    assert line.endswith("); fetch or import them again.")


def test_data_without_the_column_are_damaged(put, refused):
    put("a b")
    assert "are damaged" in refused(cached_data("snli").column, "test", "image")


def test_no_changed_byte_leads_out_of_the_file(put):
    # Arrow believes the offsets of a file unless told to check them, and crashes
    put("a b", "cd", "e f g")
    path = arrow()
    content = path.read_bytes()
    refusals = 0
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 0xFF
        path.write_bytes(changed)
        try:
            cached_data("snli").column("test", "text").to_pylist()
        except DataError:
            refusals += 1
    assert 0 < refusals < len(content)


def test_new_data_take_the_place_of_old_ones_and_nothing_else_is_left(put, kept):
    put("old", folder="one")
    (cached_data("snli").folder / "vocabulary-all").mkdir()
    put("new", folder="two")
    assert kept("snli") == three("new")
    assert inside() == ["account.json", "lock", "two"]


def test_data_that_are_refused_leave_the_old_ones_and_no_temporary_folder(put, kept):
    put("old")
    before = {path: path.stat().st_mtime_ns for path in dataset_folder("snli").rglob("*")}
    folders = []

    def refuse(folder):
        folders.append(folder)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        install("snli", {split: pa.table({"text": ["new"]}) for split in SPLITS}, refuse)
    assert {path: path.stat().st_mtime_ns for path in dataset_folder("snli").rglob("*")} == before
    assert not folders[0].exists()
    assert kept("snli") == three("old")


def test_the_same_data_again_repair_damaged_ones(put, kept, refused):
    put("a b")
    arrow().write_bytes(b"damaged")
    assert "damaged" in refused(cached_data("snli").column, "test", "text")
    for _ in range(2):
        put("a b")
        assert kept("snli") == three("a b")
        assert len(inside()) == 3
        assert cached_data("snli").folder.name.startswith("ab12")


def test_what_is_kept_is_read_by_hugging_face_datasets(put):
    from datasets import load_from_disk

    put("a b", "c")
    loaded = load_from_disk(cached_data("snli").folder)
    assert {split: list(loaded[split]["text"]) for split in loaded} == three("a b", "c")


def test_pixels_come_back_bit_for_bit_as_they_were_read(cache):
    grey = np.random.default_rng(0).uniform(0, 0.9, (30, 784)).astype(np.float32)
    grey[:, ::3] = 0
    grey[0, 0] = np.float32(1e-42)  # below the normal numbers
    parts = {"train": grey[:17], "validation": grey[17:22], "test": grey[22:]}
    contents = of_images(Images(**parts, binary=False, source="", form=""))
    install("snli", contents.tables, lambda _: MANIFEST)
    for split, truth in parts.items():
        (chunk,) = cached_data("snli").column(split, "image").chunks
        assert chunk.flatten().to_numpy().tobytes() == truth.tobytes()


def test_the_account_is_json_that_people_can_read(put):
    put("a b")
    text = (dataset_folder("snli") / "account.json").read_text()
    assert json.loads(text)["source"] == "zwölf Bögen"
    assert "zwölf Bögen" in text
    assert text.endswith("}\n")


def test_data_are_kept_where_the_variable_says_or_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("FMNBENCH_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FMNBENCH_CACHE", "~/here")
    assert cache_folder() == tmp_path / "here"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FMNBENCH_CACHE", "there")
    assert cache_folder() == tmp_path / "there"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("FMNBENCH_CACHE", "")
    assert cache_folder() == platformdirs.user_cache_path("fmnbench")
    monkeypatch.delenv("FMNBENCH_CACHE")
    assert cache_folder() == platformdirs.user_cache_path("fmnbench")


def test_a_cache_that_cannot_be_made_is_one_line(monkeypatch, tmp_path, refused, put):
    (tmp_path / "file").touch()
    monkeypatch.setenv("FMNBENCH_CACHE", str(tmp_path / "file"))
    assert refused(put, "a b").startswith(f"{tmp_path / 'file' / 'datasets' / 'snli'} cannot be ")
