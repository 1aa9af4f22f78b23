import json
import os
import stat

import pytest

from fmnbench.records.store import Store
from fmnbench.spec import digest

RUN = ["run", "--suite", "quick", "--dry-run"]
ALLOWED_SEEDS = "it must be a number of seeds (3) or a list of them (0,1,2 or 0-2)."
TIME = "it must be a time such as 90, 90s, 10m or 2h."
WEIGHT = "it must be a finite number, 0 or above."
WHOLE = "it must be a whole number above 0."
VALUES = {
    ("--seeds", "0"): "--seeds is '0'; it must be at least 1 (for seed 0 alone, say '0,').",
    ("--seeds", "x"): f"--seeds is 'x'; {ALLOWED_SEEDS}",
    ("--seeds", "-1"): f"--seeds is '-1'; {ALLOWED_SEEDS}",
    ("--seeds", "1.5"): f"--seeds is '1.5'; {ALLOWED_SEEDS}",
    ("--seeds", ""): f"--seeds is ''; {ALLOWED_SEEDS}",
    ("--seeds", "1,1"): "--seeds is '1,1'; a seed is named twice.",
    ("--seeds", "0-2,1"): "--seeds is '0-2,1'; a seed is named twice.",
    ("--seeds", "2-0"): "--seeds is '2-0'; a range goes from a lower to a higher seed.",
    ("--seeds", "0-10000"): "--seeds is '0-10000'; at most 10000 seeds can be asked for.",
    ("--seeds", "9999999"): "--seeds is '9999999'; at most 10000 seeds can be asked for.",
    ("--lambda", "abc"): f"--lambda is 'abc'; {WEIGHT}",
    ("--lambda", "-1"): f"--lambda is '-1'; {WEIGHT}",
    ("--lambda", "nan"): f"--lambda is 'nan'; {WEIGHT}",
    ("--lambda", "inf"): f"--lambda is 'inf'; {WEIGHT}",
    ("--epochs", "0"): f"--epochs is '0'; {WHOLE}",
    ("--epochs", "1e3"): f"--epochs is '1e3'; {WHOLE}",
    ("--jobs", "0"): f"--jobs is '0'; {WHOLE}",
    ("--jobs", "-2"): f"--jobs is '-2'; {WHOLE}",
    ("--timeout", "x"): f"--timeout is 'x'; {TIME}",
    ("--timeout", "0"): f"--timeout is '0'; {TIME}",
    ("--timeout", "nan"): f"--timeout is 'nan'; {TIME}",
    ("--retry", "faild"): "Unknown --retry value 'faild'. Did you mean 'failed'? Known: ",
    ("--precision", "bf61"): "Unknown --precision value 'bf61'. Did you mean 'bf16'? Known: ",
    ("--device", "cdua"): "Unknown --device value 'cdua'. Did you mean 'cuda'? Known: auto, cpu, ",
    ("--device", "cuda:x"): "--device is 'cuda:x'; what follows the colon must be a number.",
    (
        "--critic",
        "slef",
    ): "Unknown critic 'slef'. Did you mean 'self'?",
    ("--dataset", "digit"): "Unknown dataset 'digit'. Did you mean 'digits'?",
    ("--architecture", "mpl"): "Unknown architecture 'mpl'. Did you mean 'mlp'?",
    ("--remedy", "elbow"): "Unknown remedy 'elbow'. Did you mean 'elbo'?",
    ("--objective", "elbow"): "Unknown remedy 'elbow'. Did you mean 'elbo'?",
    ("--suite", "qick"): "Unknown suite 'qick'. Did you mean 'quick'?",
    ("--suite", "no.toml"): "There is no suite file 'no.toml'.",
    ("--set", "epoch=3"): "Unknown setting 'epoch'. Did you mean 'epochs'?",
    ("--set", "epochs"): "--set takes key=value, not 'epochs'.",
    ("--set", "temperature=hot"): "Track 'digits-mlp': temperature of critic ",
    ("--plugin", "no.py"): "There is no plug-in file 'no.py'.",
    ("--stroe", "x"): "Unknown option '--stroe'. Did you mean '--store'? Known: --all, ",
    ("extra", "words"): "Got unexpected extra argument",
}
COMMANDS = {
    "rnu": "Unknown verb 'rnu'. Did you mean 'run'?",
    "--verson": "Unknown option '--verson'. Did you mean '--version'?",
    "run": "Say what to run: --suite NAME, --all, --track, --dataset, --critic, ...",
    "run --seeds": "Option '--seeds' requires an argument.",
    "run --all=3": "Option '--all' does not take a value.",
    "list critcs": "Unknown kind to list 'critcs'. Did you mean 'critics'? Known: architectures, ",
    "results lst": "Unknown verb 'lst'. Did you mean 'list'?",
    "results show": "Missing argument 'KEY'; see `fmnbench results show --help`.",
    "results list --status faild": "Unknown --status value 'faild'. Did you mean 'failed'?",
    "data ftech": "Unknown verb 'ftech'. Did you mean 'fetch'? Known: fetch, import, list, path, ",
    "data fetch": "Missing argument 'NAME'; see `fmnbench data fetch --help`.",
    "data fetch omniglott": "Unknown dataset 'omniglott'. Did you mean 'omniglot'? ",
    "data fetch digits": "'digits' makes its own data; there is nothing to fetch or import.",
    "data fetch yahoo --source kimm": "Unknown source of 'yahoo' 'kimm'. Did you mean 'kim'? ",
    "data fetch text": "'text' needs a name of your choice: text/NAME.",
    "data import snli": "Missing argument 'PATH'; see `fmnbench data import --help`.",
    "data import snil a b c": "Unknown dataset 'snil'. Did you mean 'snli'? Known: ",
    "data import text/a/b c": "'a/b' cannot name a text; letters, digits, '-' and ",
    "data import snli a --longest 0": f"--longest is '0'; {WHOLE}",
    "data import omniglot a --longest 9": "'omniglot' has no words; --longest is for texts.",
    "data verify ptbb": "Unknown dataset 'ptbb'. Did you mean 'ptb'? Known: ",
    "data path toy": "'toy' makes its own data; there is nothing to fetch or import.",
    "data list --jsn": "Unknown option '--jsn'. Did you mean '--json'? Known: --help, ",
    "report --format pdf": "Unknown --format value 'pdf'. Known: csv, ",
    "report --format markdwn": "Unknown --format value 'markdwn'. Did you mean 'markdown'?",
    "report --protocol as-publis": "Unknown --protocol value 'as-publis'. Did you mean 'as-",
    "report --store nowhere": "There is no store at 'nowhere'; `fmnbench run` makes one, or use ",
    "results list --store nowhere": "There is no store at 'nowhere'; `fmnbench run` makes one, ",
}


def truncated(path):
    path.write_bytes(path.read_bytes()[:-40])


def altered(path):
    path.write_text(path.read_text().replace('"nll":1.5', '"nll":1.25'))


def of_a_newer_schema(path):
    fields = json.loads(path.read_text())
    fields["schema"] = 99
    del fields["checksum"]
    path.write_text(json.dumps({**fields, "checksum": digest(fields)}))


CORRUPT = {
    truncated: "not JSON, or cut off: ",
    altered: "its checksum does not match; it was altered.",
    of_a_newer_schema: "it was written by a newer fmnbench (schema 99; this version knows 1); ",
}


@pytest.fixture
def records(tmp_path, make_result):
    """Returns a store with two records, and the file of the first."""
    store = Store(tmp_path / "records")
    paths = [store.save(make_result(seed=seed, metrics={"nll": 1.5})) for seed in (0, 1)]
    return store.folder, paths[0]


@pytest.mark.parametrize(("given", "line"), VALUES.items(), ids=str)
def test_a_wrong_value_is_one_line_that_says_what_is_allowed(given, line, fmnbench, tmp_path):
    done = fmnbench(*RUN, "--store", tmp_path / "records", *given)
    assert done.code == 2
    assert done.complaint.startswith(f"error: {line}")
    assert done.out == ""


@pytest.mark.parametrize(("words", "line"), COMMANDS.items())
def test_a_wrong_command_is_one_line_with_the_nearest_guess(words, line, fmnbench):
    done = fmnbench(*words.split())
    assert done.code == 2
    assert done.complaint.startswith(f"error: {line}")
    assert done.out == ""


@pytest.mark.parametrize("verb", ["run --suite quick", "report", "results list", "results show 1"])
def test_a_store_that_is_a_file_is_one_line(verb, fmnbench, tmp_path):
    path = tmp_path / "records"
    path.write_text("not a folder")
    done = fmnbench(*verb.split(), "--store", path)
    complaint = f"error: --store is '{path}', a file; it must be a folder."
    assert (done.code, done.complaint) == (2, complaint)
    assert path.read_text() == "not a folder"


@pytest.mark.skipif(os.geteuid() == 0, reason="needs a user whom permissions bind; this is root")
@pytest.mark.parametrize("verb", ["run --suite quick", "report", "results list", "results show 1"])
def test_a_store_that_cannot_be_read_is_one_line(verb, fmnbench, records):
    store, _ = records
    store.chmod(0)
    done = fmnbench(*verb.split(), "--store", store)
    store.chmod(stat.S_IRWXU)
    complaint = f"error: The store '{store}' cannot be read: its permissions forbid it."
    assert (done.code, done.complaint) == (2, complaint)


@pytest.mark.skipif(os.geteuid() == 0, reason="needs a user whom permissions bind; this is root")
def test_a_store_that_cannot_be_written_is_one_line(fmnbench, records):
    store, _ = records
    store.chmod(stat.S_IRUSR | stat.S_IXUSR)
    done = fmnbench("run", "--suite", "quick", "--store", store)
    store.chmod(stat.S_IRWXU)
    complaint = f"error: The store '{store}' cannot be written: its permissions forbid it."
    assert (done.code, done.complaint) == (2, complaint)


@pytest.mark.parametrize("verb", ["report", "results list", "results list --json"])
@pytest.mark.parametrize(("corrupt", "reason"), CORRUPT.items())
def test_a_corrupt_record_is_named_and_left_out_of_what_is_shown(
    corrupt, reason, verb, fmnbench, records
):
    store, path = records
    corrupt(path)
    content = path.read_bytes()
    done = fmnbench(*verb.split(), "--store", store)
    assert done.code == 1
    label = "newer" if corrupt is of_a_newer_schema else "corrupt"
    assert done.complaint.startswith(f"{label} record")
    assert f"{path}: {reason}" in done.complaint
    assert path.stem not in done.out
    assert done.out.count("toy-mlp") >= 1  # the other record is shown
    assert path.read_bytes() == content


@pytest.mark.parametrize(("corrupt", "reason"), CORRUPT.items())
def test_a_corrupt_record_is_not_shown_in_full_either(corrupt, reason, fmnbench, records):
    store, path = records
    corrupt(path)
    done = fmnbench("results", "show", path.stem, "--store", store)
    assert done.code == 1
    assert done.complaint.startswith(f"error: {path}: {reason}")
    assert done.out == ""


def test_a_key_that_is_unknown_or_ambiguous_is_one_line(fmnbench, records):
    store, _ = records
    done = fmnbench("results", "show", "zzz", "--store", store)
    complaint = f"error: No record in {store} has a key that starts with 'zzz'."
    assert (done.code, done.complaint) == (2, complaint)
    done = fmnbench("results", "show", "", "--store", store)
    assert done.code == 2
    assert done.complaint.startswith("error: 2 records have a key that starts with '': ")


def test_an_unknown_track_gets_the_nearest_guess(fmnbench, records):
    store, _ = records
    done = fmnbench("results", "list", "--track", "toy-mpl", "--store", store)
    complaint = "error: Unknown track 'toy-mpl'. Did you mean 'toy-mlp'? Known: toy-mlp."
    assert (done.code, done.complaint) == (2, complaint)


def test_a_report_that_cannot_be_written_is_one_line(fmnbench, records):
    store, path = records
    done = fmnbench("report", "--store", store, "--out", path / "board.md")
    assert done.code == 2
    assert done.complaint.startswith(f"error: --out '{path / 'board.md'}' cannot be written: ")


def test_a_suite_files_mistake_reaches_the_user_as_one_line(fmnbench, tmp_path):
    path = tmp_path / "own.toml"
    path.write_text('titel = "T"\n')
    for verb in (["run", "--dry-run"], ["report"]):
        done = fmnbench(*verb, "--suite", path, "--store", tmp_path)
        assert done.code == 2
        assert done.complaint.startswith("error: own.toml: Unknown key 'titel'. Did you mean 'ti")


def test_a_device_that_is_not_there_is_one_line(fmnbench, tmp_path):
    done = fmnbench("run", "--suite", "quick", "--device", "cuda:99", "--store", tmp_path / "new")
    assert done.code == 2
    assert done.complaint.startswith("error: --device is 'cuda:99', which cannot be used here: ")
    assert not (tmp_path / "new").exists()
