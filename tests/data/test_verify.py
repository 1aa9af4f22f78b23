"""Whether data are still what they were: in the cache, and when a run loads them."""

import re

import pytest
import torch
from safetensors.numpy import load_file, save_file

from fmnbench.data.acquire import import_files, verify
from fmnbench.data.cache import cached_data, manifest
from fmnbench.data.identity import fingerprint
from fmnbench.data.identity import verify as verify_loaded
from fmnbench.errors import DataError, DataMissing, UsageError
from fmnbench.registry import datasets


@pytest.fixture
def snli(cache, texts, laid):
    return import_files("snli", laid(texts()))


@pytest.fixture
def omniglot(cache, drawings, packed):
    return import_files("omniglot", [packed(drawings(), "images.zip")])


def alter(place, split, old, new):
    """Changes bytes of a split's Arrow file, once."""
    (path,) = (cached_data(place).folder / split).glob("*.arrow")
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def reasons(place, refused):
    line = refused(verify, place)
    folder = cached_data(place).folder
    found = re.fullmatch(
        rf"The data of '{place}' in {folder} have the fingerprint ([0-9a-f]{{64}}); "
        rf"recorded is ([0-9a-f]{{64}})\. Fetch or import them again\.",
        line,
    )
    assert found, line
    return found.groups()


def test_data_as_recorded_are_verified(snli):
    assert verify("snli") == snli


def test_own_texts_are_verified_under_their_name(cache, texts, laid):
    known = import_files("text/own", laid(texts()))
    assert verify("text/own") == known
    alter("text/own", "test", b"horse", b"house")  # both are unknown words, so rows stay
    assert verify("text/own") == known
    alter("text/own", "test", b"cat ran", b"dog ran")
    with pytest.raises(DataError, match="have the fingerprint"):
        verify("text/own")


@pytest.mark.parametrize(
    ("split", "old", "new"),
    [("train", b"off", b"oof"), ("validation", b"bird", b"dogs"), ("test", b"ran", b"sat")],
)
def test_a_changed_word_is_seen(split, old, new, snli, refused):
    alter("snli", split, old, new)
    found, recorded = reasons("snli", refused)
    assert recorded == snli.sha256 != found


def test_a_changed_pixel_is_seen(omniglot, refused):
    assert verify("omniglot") == omniglot
    one, zero = (torch.tensor([value]).numpy().tobytes() for value in (1.0, 0.0))
    alter("omniglot", "test", one, zero)
    found, recorded = reasons("omniglot", refused)
    assert recorded == omniglot.sha256 != found


def test_ids_of_words_that_were_altered_are_worked_out_anew(snli):
    path = cached_data("snli").folder / "vocabulary-all" / "tokens.safetensors"
    before = path.read_bytes()
    good = datasets.get("snli")().load()
    arrays = load_file(path)
    arrays["test.tokens"][1] = arrays["test.tokens"][2]
    save_file(arrays, path)
    altered = datasets.get("snli")().load()
    assert not torch.equal(altered.test, good.test)
    planned = fingerprint("snli", {"vocabulary": None})
    with pytest.raises(DataError, match=r"^The data of 'snli' have changed; see: fmnbench data v"):
        verify_loaded("snli", {"vocabulary": None}, altered, planned)
    assert verify("snli") == snli
    assert path.read_bytes() == before
    again = datasets.get("snli")().load()
    assert verify_loaded("snli", {"vocabulary": None}, again, planned) == snli.sha256


def test_everything_worked_out_from_data_is_forgotten(snli):
    other = cached_data("snli").folder / "vocabulary-5"
    datasets.get("snli")(vocabulary=5).load()
    assert other.is_dir()
    verify("snli")
    assert not other.exists()


def test_missing_data_are_not_verified(cache):
    with pytest.raises(
        DataMissing, match=r"import it: fmnbench data import ptb train\.txt valid\.txt test\.txt$"
    ):
        verify("ptb")
    with pytest.raises(UsageError, match="Unknown dataset 'ptbb'"):
        verify("ptbb")


def test_data_whose_folder_is_gone_are_damaged(snli, refused):
    folder = cached_data("snli").folder
    folder.rename(folder.with_name("elsewhere"))
    line = refused(verify, "snli")
    assert line.startswith(f"The data in {folder} are damaged (")
    assert manifest("snli") == snli
