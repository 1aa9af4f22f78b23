"""`fmnbench data`: what is installed, from where, and whether it is still the same."""

import json

import pytest

from fmnbench.data.cache import cached_data, manifest
from fmnbench.registry import datasets

MISSING = (
    "Dataset 'ptb' is not installed; import it: "
    "fmnbench data import ptb train.txt valid.txt test.txt"
)


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "1000")


@pytest.fixture
def own(fmnbench, cache, texts, laid):
    """Returns the outcome of an import of texts of one's own, of which some lines are dropped."""
    paths = laid(texts(train=["a b", "", "b a c d", "b a"], test=["", "", "b"]))
    return fmnbench("data", "import", "text/own", *paths, "--longest", "3")


@pytest.fixture
def listed(fmnbench):
    """Returns a function that gives the lines beside each dataset's name."""

    def read():
        done = fmnbench("data", "list")
        assert (done.code, done.err) == (0, "")
        lines = done.out.splitlines()
        assert lines[0] == "datasets"
        found = {}
        for line in lines[1:]:
            if line[2] != " ":
                name, text = line.split(maxsplit=1)
                found[name] = [text]
            else:
                found[name].append(line.strip())
        return found

    return read


def table(fmnbench):
    done = fmnbench("data", "list", "--json")
    assert (done.code, done.err) == (0, "")
    return {line["name"]: line for line in json.loads(done.out)}


def test_an_import_says_what_came_and_what_was_left_out(own):
    known = manifest("text/own")
    assert (own.code, own.err) == (0, "")
    assert own.out.splitlines() == [
        "text/own: 2 training, 2 validation, 1 test rows from train.txt, valid.txt and test.txt",
        "3 empty lines left out",
        "1 over-long lines left out",
        "words not in the vocabulary: 0.0 % training, 80.0 % validation, 0.0 % test",
        f"fingerprint {known.sha256}",
    ]


def test_a_listing_says_where_each_dataset_stands(listed, own):
    found = listed()
    assert list(found) == sorted([*datasets.names(), "text/own"])
    assert found["digits"][0] == "embedded"
    assert found["ptb"][0] == "not installed"
    assert found["ptb"][2].startswith("42,068 / 3,370 / 3,761 rows · licence LDC · Marcus et al.")
    assert found["yahoo"][3].startswith("fetch from kim: archive of Kim et al. 2018 (Google Dr")
    assert found["yahoo"][4].startswith("import a folder or an archive in the layout of Kim et al")
    assert found["text"][0] == "not installed"
    known = manifest("text/own")
    assert found["text/own"][0] == (
        f"installed, {known.sha256[:16]}, from train.txt, valid.txt and test.txt; "
        "3 empty lines left out; 1 over-long lines left out; "
        "unknown words: 0.0 % training, 80.0 % validation, 0.0 % test"
    )
    assert found["text/own"][2].startswith("2 / 2 / 1 rows · licence the files' own")


def test_a_listing_fits_the_terminal(fmnbench, own, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, fmnbench("data", "list").out.splitlines())) <= 80


def test_a_listing_as_json_has_all_that_is_known(fmnbench, own):
    found = table(fmnbench)
    assert list(found) == sorted([*datasets.names(), "text/own"])
    assert len({tuple(line) for line in found.values()}) == 1
    digits, ptb, text = found["digits"], found["ptb"], found["text/own"]
    assert (digits["embedded"], digits["installed"], digits["import"]) == (True, True, None)
    assert (ptb["embedded"], ptb["installed"], ptb["fingerprint"]) == (False, False, None)
    assert ptb["rows"] == {"train": 42_068, "validation": 3_370, "test": 3_761}
    assert list(found["yahoo"]["sources"]) == ["kim", "he", "mirror"]
    known = manifest("text/own")
    assert (text["installed"], text["fingerprint"]) == (True, known.sha256)
    assert text["files"] == known.files
    assert text["statistics"]["words"] == known.statistics["words"]
    assert text["dropped"] == {"empty": 3, "over-long": 1}
    assert found["text"]["installed"] is False


def test_a_dataset_that_came_is_here_with_its_own_numbers(fmnbench, cache, drawings, packed):
    declared = table(fmnbench)["omniglot"]
    assert (declared["installed"], declared["rows"]["test"]) == (False, 8_115)
    fmnbench("data", "import", "omniglot", packed(drawings(), "images.zip"))
    found = table(fmnbench)["omniglot"]
    assert (found["installed"], found["rows"]["test"]) == (True, 15)
    assert found["made_from"].startswith("Lake's drawings in images.zip (28×28), 60 of 32,460")
    assert found["fingerprint"] != declared["statistics"]["sha256"]


def test_a_fetch_says_what_came(fmnbench, cache, offer, texts, packed):
    offer("snli", one=None, two={"snli.tar.gz": packed(texts("he")).read_bytes()})
    done = fmnbench("data", "fetch", "snli")
    assert (done.code, done.err) == (0, "")
    source = "snli.train.txt, snli.valid.txt and snli.test.txt"
    assert done.out.startswith(f"snli: 5 training, 2 validation, 3 test rows from {source}\n")
    assert done.out.endswith(f"fingerprint {manifest('snli').sha256}\n")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            "fetch ptb",
            "error: 'ptb' cannot be fetched from any known source; import a folder or an archive ",
        ),
        ("fetch snli --source two", "error: 'snli' could not be fetched. two: http://127.0.0.1:"),
        (
            "fetch yahoo --offline",
            "error: 'yahoo' could not be fetched. kim: offline: data.tar.gz",
        ),
        ("import snli gone.txt", "error: gone.txt cannot be read (No such file or directory); "),
        ("path ptb", f"error: {MISSING}"),
        ("verify ptb", f"ptb: {MISSING}"),
    ],
)
def test_what_cannot_be_had_is_one_line_and_exit_code_1(
    words, line, fmnbench, cache, offer, texts, packed
):
    offer("snli", one={"snli.tar.gz": packed(texts("he")).read_bytes()}, two=None)
    done = fmnbench("data", *words.split())
    assert (done.code, done.out) == (1, "")
    assert done.complaint.startswith(line)


def test_paths_are_printed_for_other_programs(fmnbench, cache, own):
    assert fmnbench("data", "path") == (0, f"{cache}\n", "")
    done = fmnbench("data", "path", "text/own")
    assert done == (0, f"{cached_data('text/own').folder}\n", "")


def test_with_nothing_here_there_is_nothing_to_verify(fmnbench, cache):
    done = fmnbench("data", "verify")
    assert done == (0, "No dataset is installed.\n", "")


def test_everything_that_is_here_is_verified_and_what_changed_is_named(
    fmnbench, own, texts, laid, drawings, packed
):
    fmnbench("data", "import", "snli", *laid(texts(), "snli"))
    fmnbench("data", "import", "omniglot", packed(drawings(), "images.zip"))
    names = ("omniglot", "snli", "text/own")
    known = {name: manifest(name).sha256[:16] for name in names}
    done = fmnbench("data", "verify")
    assert (done.code, done.err) == (0, "")
    assert done.out == "".join(f"{name}: as recorded, {sha}\n" for name, sha in known.items())
    (path,) = (cached_data("snli").folder / "test").glob("*.arrow")
    path.write_bytes(path.read_bytes().replace(b"cat", b"dog"))
    done = fmnbench("data", "verify")
    assert done.code == 1
    assert done.complaint.startswith(
        f"snli: The data of 'snli' in {cached_data('snli').folder} have the"
    )
    assert len(done.out.splitlines()) == 2
    assert fmnbench("data", "verify", "text/own").code == 0
    assert fmnbench("data", "verify", "snli").code == 1


def test_a_damaged_account_does_not_keep_the_others_from_being_verified(
    fmnbench, cache, own, texts, laid
):
    fmnbench("data", "import", "snli", *laid(texts(), "snli"))
    path = cache / "datasets/snli/account.json"
    path.write_text("{")
    done = fmnbench("data", "verify")
    assert done.code == 1
    assert done.complaint.startswith(f"snli: {path} cannot be read (")
    assert done.out == f"text/own: as recorded, {manifest('text/own').sha256[:16]}\n"


@pytest.mark.parametrize("damage", [b"", b"{", b"[]"])
def test_a_listing_with_a_damaged_account_is_one_line(damage, fmnbench, cache, own):
    path = cache / "datasets/text/own/account.json"
    path.write_bytes(damage)
    done = fmnbench("data", "list")
    assert (done.code, done.out) == (1, "")
    assert done.complaint.startswith(f"error: {path} cannot be read (")
