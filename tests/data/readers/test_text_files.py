"""Texts: each layout made here in small, right and wrong, and the real Yahoo texts."""

import pytest

from fmnbench.data.readers.text_files import from_files, from_folder
from fmnbench.errors import DataError

SPLITS = ("train", "validation", "test")


def three(folder, train, names=("a.txt", "b.txt", "c.txt"), others="one document\n"):
    """Returns three files, of which the first has the content given."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in names]
    for path, text in zip(paths, (train, others, others), strict=True):
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return paths


@pytest.mark.parametrize(
    ("line", "document"),
    [
        ("a b c", "a b c"),
        ("  a \t b\u3000c \r", "a b c"),
        ("<s> a b </s>", "a b"),
        ("a <s> b", "a <s> b"),
        ("naïve 日本 … 😀", "naïve 日本 … 😀"),
        ("a\u2028b\x0cc\x85d", "a b c d"),
        ("\ufeffa b", "a b"),
    ],
)
def test_a_line_is_a_document_of_words_with_single_spaces(tmp_path, line, document):
    assert from_files(*three(tmp_path, f"{line}\nlast")).train == [document, "last"]


def test_empty_and_over_long_lines_are_counted_and_dropped(tmp_path):
    paths = three(tmp_path, "a b\n\n \t\na b c\n<s> </s>\n<s> d e </s>\n", others="a\n\n")
    documents = from_files(*paths, longest=2)
    assert documents.train == ["a b", "d e"]
    assert (documents.empty, documents.over_long) == (5, 1)
    assert from_files(*paths).over_long == 0


def test_labels_before_a_tab_are_dropped(tmp_path):
    paths = three(tmp_path, "1\tgood food\n0\tbad\tfood\n\n2\t\n", others="1\tx\n")
    documents = from_files(*paths)
    assert documents.train == ["good food", "bad food"]
    assert documents.test == ["x"]
    assert documents.labelled
    assert documents.empty == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"fine\nfine\n\xff\xfe\n", r"a\.txt, line 3: not UTF-8 \(invalid start byte\)"),
        ("zwölf".encode("latin-1"), r"a\.txt, line 1: not UTF-8"),
        (b"fine\nnot\0fine\n", r"a\.txt, line 2: a NUL byte"),
        (b"\n<!DOCTYPE html>\n<title>Sign in</title>", r"a\.txt is an HTML page titled 'Sign in'"),
        (b"", r"a\.txt is an empty file"),
        (b"\n \n", r"a\.txt has no document: 2 lines are empty and 0 over-long"),
        (b"\x1f\x8b\x08\x00rest", r"a\.txt, line 1: a NUL byte"),
    ],
)
def test_a_file_that_is_no_text_is_refused_in_one_line(tmp_path, content, message):
    with pytest.raises(DataError, match=message) as caught:
        from_files(*three(tmp_path, content))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    paths = three(tmp_path, "a")
    paths[2].unlink()
    with pytest.raises(DataError, match=r"c\.txt cannot be read \(No such file"):
        from_files(*paths)


@pytest.mark.parametrize(
    ("train", "others", "count", "place"),
    [
        ("1\tgood\nbad\n", "1\tx\n", "3 of 4", r"a\.txt, line 2,"),
        ("1\tgood\n\n0\tbad\n", "x\n", "2 of 4", r"b\.txt, line 1,"),
        ("good\nbad\n3\tcups\n", "x\n", "1 of 5", r"a\.txt, line 1,"),
    ],
)
def test_labels_of_some_lines_only_are_refused_with_a_line_without(
    tmp_path, train, others, count, place
):
    with pytest.raises(DataError, match=f"^{count} lines begin with a number.*{place} does not;"):
        from_files(*three(tmp_path, train, others=others))


@pytest.mark.parametrize("inside", ["", "yahoo", "data/yahoo"])
def test_kims_layout_is_found(tmp_path, inside):
    three(tmp_path / inside, "a b\nc", ("train.txt", "val.txt", "test.txt"))
    documents = from_folder(tmp_path, "yahoo")
    assert documents.train == ["a b", "c"]
    assert documents.vocabulary is None
    assert not documents.labelled
    assert documents.source == "train.txt, val.txt and test.txt"


@pytest.mark.parametrize("inside", ["", "snli_data", "datasets/snli_data"])
def test_hes_layout_is_found_with_its_word_list(tmp_path, inside):
    names = ("snli.train.txt", "snli.valid.txt", "snli.test.txt")
    three(tmp_path / inside, "a b\nc", names)
    (tmp_path / inside / "vocab.txt").write_text("a\nb\n")
    documents = from_folder(tmp_path, "snli")
    assert documents.train == ["a b", "c"]
    assert documents.vocabulary == tmp_path / inside / "vocab.txt"


def test_labels_of_a_known_layout_are_seen_and_dropped(tmp_path):
    names = ("yelp.train.txt", "yelp.valid.txt", "yelp.test.txt")
    three(tmp_path / "yelp_data", "4\tgood food\n", names, others="1\tbad food\n")
    documents = from_folder(tmp_path, "yelp")
    assert documents.labelled
    assert (documents.train, documents.test) == (["good food"], ["bad food"])


def test_a_number_without_a_tab_is_no_label(tmp_path):
    three(tmp_path, "4 good\n", ("train.txt", "val.txt", "test.txt"))
    assert from_folder(tmp_path, "ptb").train == ["4 good"]


def test_a_folder_with_a_split_missing_is_refused(tmp_path):
    paths = three(tmp_path, "a", ("train.txt", "val.txt", "test.txt"))
    paths[1].unlink()
    with pytest.raises(DataError, match="has no texts of 'ptb': expected ptb/"):
        from_folder(tmp_path, "ptb")
