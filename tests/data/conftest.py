"""Small data in each layout that datasets are made from, and sources that serve them."""

import io
import tarfile
import tempfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from fmnbench.data.acquire import fetch
from fmnbench.data.cache import SPLITS, cached_data
from fmnbench.data.catalogue import cached_class
from fmnbench.data.sources.remote import https
from fmnbench.data.sources.source import Source
from fmnbench.errors import DataError

LINES = {
    "train": ["the cat sat", "a dog ran off", "the dog sat", "a cat", "no bird ran the dog off"],
    "validation": ["the dog", "a bird sat"],
    "test": ["the cat ran", "no cat sat off", "a horse"],
}
LAYOUTS = {  # names below a folder, for a dataset NAME
    "three": ("train.txt", "valid.txt", "test.txt"),
    "kim": ("data/NAME/train.txt", "data/NAME/val.txt", "data/NAME/test.txt"),
    "he": tuple(f"NAME_data/NAME.{part}.txt" for part in ("train", "valid", "test")),
}


@pytest.fixture
def lines():
    """Returns the documents of three small splits."""
    return {split: list(documents) for split, documents in LINES.items()}


@pytest.fixture
def texts():
    """Returns a function that gives files of three splits by name: the lines above, or others."""

    def make(layout="three", name="snli", label="", **splits):
        parts = {**LINES, **splits}
        return {
            path.replace("NAME", name): "".join(f"{label}{line}\n" for line in parts[split])
            for path, split in zip(LAYOUTS[layout], SPLITS, strict=True)
        }

    return make


@pytest.fixture
def drawings():
    """Returns a function that gives Lake's files by name: three characters by twenty people."""

    def make(side=28, characters=(1, 2, 3)):
        files = {}
        for character in characters:
            for drawer in range(1, 21):
                white = np.full((side, side), 255, np.uint8)
                white[character, : side // 2] = 0
                white[side - drawer, :drawer] = 0
                file = io.BytesIO()
                Image.fromarray(white).convert("1").save(file, "PNG")
                place = f"Latin/character{character:02d}/{character:04d}_{drawer:02d}.png"
                files[f"images_background/{place}"] = file.getvalue()
        return files

    return make


@pytest.fixture
def laid(tmp_path):
    """Returns a function that writes files by name below a folder; it returns their paths."""

    def write(files, folder="given"):
        paths = [tmp_path / folder / name for name in files]
        for path, content in zip(paths, files.values(), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return paths

    return write


@pytest.fixture
def packed(tmp_path):
    """Returns a function that packs files into an archive, of a kind that its name says."""

    def pack(files, name="given.tar.gz"):
        path = tmp_path / name
        bodies = {
            key: content.encode() if isinstance(content, str) else content
            for key, content in files.items()
        }
        if path.suffix == ".zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                for key, content in bodies.items():
                    archive.writestr(key, content)
        else:
            with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as archive:
                for key, content in bodies.items():
                    info = tarfile.TarInfo(key)
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
        return path

    return pack


@pytest.fixture
def kept():
    """Returns a function that reads installed texts back from the cache."""

    def read(name):
        data = cached_data(name)
        return {split: data.column(split, "text").to_pylist() for split in SPLITS}

    return read


@pytest.fixture
def unpacking(tmp_path, monkeypatch):
    """Returns the folder in which archives are unpacked."""
    folder = tmp_path / "unpacking"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def offer(site, monkeypatch):
    """Returns a function that makes the site the sources of a dataset: files by name, or None.

    A source whose files are None is not there.
    """
    site.files = {}

    def serve(dataset, *, md5=None, **sources):
        made = []
        for source, files in sources.items():
            remotes = {}
            for name, content in (files or {"gone.tar.gz": None}).items():
                path = f"/{source}/{name}"
                remotes[name] = https(site.at(path), md5=md5)
                if content is not None:
                    site.files[path] = content
            made.append(Source(name=source, summary=f"the {source} one", files=remotes))
        monkeypatch.setattr(cached_class(dataset), "sources", tuple(made))

    return serve


@pytest.fixture
def get(cache):
    """Returns a function that fetches a dataset into the test's cache."""

    def run(name, *, chosen=None, offline=False, progress=lambda *_: None, replace=False):
        return fetch(name, chosen=chosen, offline=offline, progress=progress, replace=replace)

    return run


@pytest.fixture
def refused():
    """Returns a function that makes a call and gives the one line that it is refused with."""

    def attempt(call, *arguments, **settings):
        with pytest.raises(DataError) as error:
            call(*arguments, **settings)
        assert "\n" not in str(error.value)
        return str(error.value)

    return attempt
