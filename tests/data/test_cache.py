"""The cache: installed data come back, and damaged ones are an error of one line."""

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
    is_installed,
    manifest,
)
from fmnbench.data.readers.omniglot_images import Images
from fmnbench.data.readers.tables import of_images
from fmnbench.errors import DataError, DataMissing, UsageError

MANIFEST = Manifest(
    name="snli",
    folder="ab12",
    kind="texts",
    source="zwölf Bögen",
    form="of its own",
    files={"train.txt": "ab" * 32},
    binary=True,
    dropped={"empty": 3},
    settings={"vocabulary": None, "name": "x", "scale": 0.5, "sides": (1, 2)},
    statistics={"sha256": "cd" * 32, "rows": {"train": 2}, "mean": 0.1 + 0.2},
    installed_at="2026-01-01T00:00:00+00:00",
)


@pytest.fixture
def put(cache):
    """Returns a function that installs texts as snli, in a folder of this name."""

    def run(*texts, replace=False, **fields):
        tables = {split: pa.table({"text": list(texts)}) for split in SPLITS}
        found = dataclasses.replace(MANIFEST, **fields)
        return install("snli", tables, lambda _: found, replace=replace)

    return run


def three(*texts):
    return {split: list(texts) for split in SPLITS}


def inside(name="snli"):
    return sorted(path.name for path in dataset_folder(name).iterdir())


def arrow(split="test"):
    (path,) = (cached_data("snli").folder / split).glob("*.arrow")
    return path


def test_a_manifest_comes_back_as_it_was_written(put):
    assert put("a b") == MANIFEST
    assert manifest("snli") == MANIFEST
    assert manifest("snli").sha256 == "cd" * 32


def test_without_data_there_is_no_manifest_and_nothing_to_read(cache):
    assert manifest("snli") is None
    assert not is_installed("snli")
    with pytest.raises(DataMissing, match=r"^Dataset 'snli' is not installed\.$"):
        cached_data("snli")


def test_a_manifest_of_the_first_version_is_still_read(put):
    put("a b")
    path = dataset_folder("snli") / "account.json"
    old = {
        "arrived": "2026-01-01T00:00:00+00:00",
        "binary": True,
        "dropped": {"empty": 3},
        "files": {"train.txt": "ab" * 32},
        "folder": "ab12",
        "form": "of its own",
        "kind": "texts",
        "place": "snli",
        "settings": {"vocabulary": None, "name": "x", "scale": 0.5, "sides": [1, 2]},
        "source": "zwölf Bögen",
        "statistics": {"sha256": "cd" * 32, "rows": {"train": 2}, "mean": 0.1 + 0.2},
    }
    written = json.loads(path.read_text())
    assert written == old | {"labelled": False}
    path.write_text(json.dumps(old))
    assert manifest("snli") == MANIFEST


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
def test_a_damaged_manifest_is_one_line_with_its_path(put, damage, refused):
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


def test_other_data_are_refused_unless_they_are_to_replace_the_installed_ones(put, kept):
    put("old", "older")
    other = {"sha256": "ef" * 32, "rows": {"train": 1_500, "test": 1}}
    with pytest.raises(UsageError) as error:
        put("new", statistics=other, source="new files", folder="two")
    assert str(error.value) == (
        "Other data are installed as 'snli': 2 rows from zwölf Bögen; the new data have "
        "1,501 rows from new files. To replace the installed data, add --replace."
    )
    assert kept("snli") == three("old", "older")
    assert inside() == ["ab12", "account.json", "lock"]
    put("new", statistics=other, replace=True, folder="two")
    assert kept("snli") == three("new")


def test_data_with_an_unreadable_manifest_can_be_installed_anew(put, kept):
    put("old")
    (dataset_folder("snli") / "account.json").write_text("{")
    put("new", statistics={"sha256": "ef" * 32})
    assert kept("snli") == three("new")


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


def test_installed_data_are_read_by_hugging_face_datasets(put):
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


def test_the_manifest_is_json_that_people_can_read(put):
    put("a b")
    text = (dataset_folder("snli") / "account.json").read_text()
    assert json.loads(text)["source"] == "zwölf Bögen"
    assert "zwölf Bögen" in text
    assert text.endswith("}\n")


def test_the_cache_is_where_the_variable_says_or_the_users_own(monkeypatch, tmp_path):
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
