"""Texts: whatever the layout, the same documents come out."""

import pytest
import torch

from fmnbench.data.acquire import import_files
from fmnbench.data.catalogue import cached_dataset
from fmnbench.data.readers import opened
from fmnbench.errors import UsageError
from fmnbench.registry import datasets

TAKEN = "a folder or an archive in the layout of Kim et al. or He et al., or the three texts"
THREE = f"{TAKEN} for 'snli'"


def read(name, paths, **options):
    return opened.read(cached_dataset(name), paths, **options)


def documents(contents):
    return {split: table["text"].to_pylist() for split, table in contents.tables.items()}


@pytest.mark.parametrize("layout", ["kim", "he"])
@pytest.mark.parametrize("way", ["folder", "tar", "tar.gz", "zip"])
@pytest.mark.parametrize("name", ["snli", "ptb", "yahoo", "text/snli"])
def test_a_layout_is_found_in_a_folder_and_in_an_archive(
    layout, way, name, texts, lines, laid, packed, tmp_path
):
    files = texts(layout, name.rpartition("/")[2])
    if way == "folder":
        laid(files)
    path = tmp_path / "given" if way == "folder" else packed(files, f"given.{way}")
    contents = read(name, [path])
    assert documents(contents) == lines
    assert (contents.kind, contents.form, contents.word_list) == ("texts", "", None)
    assert contents.dropped == {"empty": 0, "over-long": 0}


def test_three_files_are_taken_in_the_order_given(texts, lines, laid):
    train, validation, test = laid(texts())
    assert documents(read("snli", [train, validation, test])) == lines
    swapped = documents(read("snli", [test, validation, train]))
    assert (swapped["train"], swapped["test"]) == (lines["test"], lines["train"])


@pytest.mark.parametrize("way", ["folder", "archive"])
def test_labels_of_yelp_are_dropped(way, texts, lines, laid, packed, tmp_path):
    files = texts("he", "yelp", label="4\t")
    laid(files)
    path = tmp_path / "given" if way == "folder" else packed(files)
    assert documents(read("yelp", [path])) == lines


def test_a_word_list_that_came_with_texts_is_taken_over(cache, texts, packed):
    words = ["<s>", "</s>", "<pad>", "_UNK", "zebra", "the", "dog"]
    files = texts("he") | {"snli_data/vocab.txt": "".join(f"{word}\n" for word in words)}
    import_files("snli", [packed(files)])
    splits = datasets.get("snli")().load()
    assert splits.vocabulary.words == ("<s>", "</s>", "_UNK", "zebra", "the", "dog")
    assert splits.train[0].tolist() == [0, 4, 2, 2, 1, 1, 1, 1]  # the _UNK _UNK: to the longest, 6
    smaller = datasets.get("snli")(vocabulary=5).load()
    assert smaller.vocabulary.words == ("<s>", "</s>", "_UNK", "zebra", "the")


def test_without_a_word_list_words_are_those_of_the_training_texts(cache, texts, laid):
    import_files("snli", laid(texts()))
    splits = datasets.get("snli")().load()
    # by falling frequency, then by name; horse is only in the test texts
    assert splits.vocabulary.words[3:6] == ("dog", "the", "a")
    assert "horse" not in splits.vocabulary.words


def test_test_rows_are_the_first_ones_and_change_nothing_else(cache, texts, laid):
    import_files("snli", laid(texts()))
    whole, part = (datasets.get("snli")(test_rows=rows).load() for rows in (None, 2))
    assert len(whole.test) > 2
    assert torch.equal(part.test, whole.test[:2])
    assert torch.equal(part.train, whole.train)
    assert part.vocabulary == whole.vocabulary
    with pytest.raises(UsageError, match="test_rows is 0; it must be 1 or above"):
        datasets.get("snli")(test_rows=0)


def test_dropped_lines_are_counted_in_the_manifest(cache, texts, laid):
    paths = laid(texts(train=["a b", "", "a b c d", "b a"], test=["", "b c c"]))
    found = import_files("text/own", paths, longest=3)
    assert found.dropped == {"empty": 2, "over-long": 1}
    assert found.statistics["rows"] == {"train": 2, "validation": 2, "test": 1}
    assert found.settings == {"name": "own", "vocabulary": 20_000, "test_rows": None}


@pytest.mark.parametrize(("count", "given"), [(1, "1 file"), (2, "2 files"), (4, "4 files")])
def test_another_number_of_files_is_one_line(count, given, laid, refused):
    paths = laid({f"{number}.txt": "a text\n" for number in range(count)})
    line = refused(read, "snli", paths)
    assert line == f"'snli' is made from {TAKEN}; given: {given}."
    line = refused(read, "yahoo-10k", [*paths, *paths, *paths])
    assert line.startswith("'yahoo-10k' is made from Yahoo's validation and test texts, or a ")


@pytest.mark.parametrize("count", [1, 3])
def test_a_web_page_in_place_of_a_text_is_one_line(count, texts, laid, refused):
    paths = laid(texts())[:count]
    paths[0].write_text("<!DOCTYPE html><html><head><title>Sign in</title>")
    line = refused(read, "snli", paths)
    assert line == f"{paths[0]} is an HTML page titled 'Sign in'; expected {THREE}."


def test_a_missing_file_or_folder_is_one_line(texts, laid, tmp_path, refused):
    paths = laid(texts())
    paths[1].unlink()
    line = refused(read, "snli", paths)
    assert line == f"{paths[1]} cannot be read (No such file or directory); expected {THREE}."
    line = refused(read, "ptb", [tmp_path / "given"])
    assert line.startswith(f"{tmp_path / 'given'} has no texts of 'ptb': expected ptb/{{train,")
    assert "cannot be read" in refused(read, "ptb", [tmp_path / "nowhere"])


def test_texts_in_an_archive_that_are_another_datasets_are_not_taken(texts, packed, refused):
    line = refused(read, "ptb", [packed(texts("he", "snli"))])
    assert "has no texts of 'ptb'" in line


def test_the_real_yahoo_texts_are_found_in_a_folder_or_given_as_files(real):
    paths = [real("yahoo/val.txt"), real("yahoo/test.txt")]
    contents = read("yahoo-10k", paths)
    assert [len(table) for table in contents.tables.values()] == [9_000, 1_000, 10_000]
    assert read("yahoo-10k", [paths[0].parent]).tables == contents.tables


@pytest.mark.parametrize("name", ["omniglott", "text", "text/", "text/a/b", "text/..", "digits"])
def test_importing_under_a_wrong_name_is_wrong_usage(name, texts, laid, cache):
    with pytest.raises(UsageError):
        import_files(name, laid(texts()))
    assert list(cache.rglob("*")) == []
