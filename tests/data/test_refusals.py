"""Data that would give wrong numbers in silence: refused, or said, in one line."""

import hashlib

import pytest
import torch

from fmnbench.data.acquire import import_files
from fmnbench.data.cache import manifest
from fmnbench.data.catalogue import cached_dataset
from fmnbench.data.readers.opened import read
from fmnbench.data.splits import Splits
from fmnbench.data.tokens import unknown_share
from fmnbench.datasets.toy import Toy
from fmnbench.errors import DataError, UsageError
from fmnbench.registry import datasets


def test_a_zip_with_a_part_of_omniglot_does_not_replace_more(cache, drawings, packed, fmnbench):
    whole = packed(drawings(), "whole.zip")
    part = packed(drawings(characters=(1, 2)), "part.zip")
    assert fmnbench("data", "import", "omniglot", whole).code == 0
    before = manifest("omniglot")
    done = fmnbench("data", "import", "omniglot", part)
    assert done.code == 2
    assert done.complaint.startswith(
        "error: Other data are installed as 'omniglot': 60 rows from Lake's drawings in whole.zip"
    )
    assert "the new data have 40 rows from Lake's drawings in part.zip" in done.complaint
    assert manifest("omniglot") == before
    assert fmnbench("data", "import", "omniglot", whole).code == 0  # the same data again
    assert fmnbench("data", "import", "omniglot", part, "--replace").code == 0
    assert sum(manifest("omniglot").statistics["rows"].values()) == 40


def test_a_fetch_does_not_replace_other_data(offer, get, texts, laid, packed):
    import_files("snli", laid(texts(train=["the cat ran off", "a dog"])))
    offer("snli", he={"snli.tar.gz": packed(texts("he")).read_bytes()})
    with pytest.raises(UsageError, match="Other data are installed as 'snli'"):
        get("snli")
    assert get("snli", replace=True).statistics["rows"]["train"] == 5


@pytest.mark.parametrize("way", ["files", "folder", "archive"])
def test_labels_are_dropped_alike_by_every_way_in(way, cache, texts, laid, packed, fmnbench):
    plain = import_files("text/plain", laid(texts(), "plain"))
    files = texts("kim", "own", label="1\t")
    paths = laid(files)
    if way == "folder":
        paths = [paths[0].parents[2]]
    if way == "archive":
        paths = [packed(files)]
    done = fmnbench("data", "import", "text/own", *paths)
    assert "labels dropped: every line begins with a number and a tab\n" in done.out
    assert manifest("text/own").sha256 == plain.sha256
    assert manifest("text/own").labelled


def test_a_word_list_that_covers_no_word_is_refused(cache, texts, packed, fmnbench):
    files = texts("he") | {"snli_data/vocab.txt": "zebra\nlion\n"}
    done = fmnbench("data", "import", "snli", packed(files))
    assert done.code == 1
    assert done.complaint.startswith("error: 100.0% of the words in the train texts of 'snli' are")
    assert manifest("snli") is None


def test_the_share_of_unknown_words_counts_words_alone(cache, texts, laid):
    found = import_files("snli", laid(texts()))
    # test: "horse" alone, of 9 words, is not in the training texts
    assert found.statistics["unknown"] == {"train": 0.0, "validation": 0.0, "test": 1 / 9}
    assert unknown_share(datasets.get("snli")().load().test.numpy()) == 1 / 9


@pytest.mark.parametrize("right", [True, False])
def test_a_download_must_have_the_known_md5(right, offer, get, texts, packed, refused):
    content = packed(texts("he")).read_bytes()
    md5 = hashlib.md5(content if right else b"another").hexdigest()
    offer("snli", md5=md5, he={"snli.tar.gz": content})
    if right:
        get("snli")
    else:
        assert f"has MD5 {hashlib.md5(content).hexdigest()}; expected is {md5}" in refused(
            get, "snli"
        )
        assert manifest("snli") is None


@pytest.mark.parametrize("right", [True, False])
def test_a_file_in_an_archive_must_have_the_known_md5(right, texts, packed, lines, refused):
    files = texts("he")
    content = files["snli_data/snli.test.txt"] if right else "another"
    members = {"snli.test.txt": hashlib.md5(content.encode()).hexdigest()}
    given = (cached_dataset("snli"), [packed(files)])
    if right:
        found = read(*given, members=members)
        assert found.tables["test"]["text"].to_pylist() == lines["test"]
    else:
        assert "snli.test.txt in " in (line := refused(read, *given, members=members))
        assert line.endswith(f"; expected is {members['snli.test.txt']}")


def test_missing_data_name_a_smaller_dataset_that_is_installed(real_cache, monkeypatch):
    monkeypatch.setenv("FMNBENCH_CACHE", str(real_cache("yahoo-10k")))
    assert datasets.get("yahoo")().missing() == (
        "Dataset 'yahoo' is not installed; get it: fmnbench data fetch yahoo, or import: fmnbench "
        "data import yahoo train.txt val.txt test.txt; installed and smaller: 'yahoo-10k'"
    )


def test_a_split_without_rows_is_refused():
    rows = torch.zeros(3, 2)
    with pytest.raises(DataError, match=r"^The validation split has no rows \(given: 3 train, 0 "):
        Splits(train=rows, validation=rows[:0], test=rows, kind="vectors")
    with pytest.raises(UsageError, match="rows_per_class is 1; it must be 2 or above"):
        Toy(rows_per_class=1)
    assert len(Toy(rows_per_class=2).load().validation) == 1
