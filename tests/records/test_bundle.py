"""Bundles: records that travel from one store to another."""

import dataclasses
import json
import os
import subprocess
import sys
import zipfile

import pytest

from fmnbench.errors import UsageError
from fmnbench.records.bundle import Arrival, export_bundle, import_bundle
from fmnbench.records.bundle_file import LARGEST, MANIFEST
from fmnbench.records.store import Store
from fmnbench.runs.locking import locked

NOTHING = Arrival(imported=0, here=0, repeated=0, measured=0, replaced=0, refused=())
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.fixture
def store(tmp_path, make_result):
    """Returns a store with three records of two tracks, one of them of a failed run."""
    store = Store(tmp_path / "ours")
    store.save(make_result(metrics={"nll": 1.5}))
    store.save(make_result(seed=1, status="failed", error="no memory"))
    store.save(make_result(track={"name": "other"}, metrics={"nll": 0.1}))
    return store


@pytest.fixture
def other(tmp_path):
    return Store(tmp_path / "theirs")


@pytest.fixture
def bundle(store, tmp_path):
    path = tmp_path / "b.zip"
    export_bundle(store, path)
    return path


def files(store):
    return {path.relative_to(store.folder): path.read_bytes() for path in store.paths()}


def test_records_come_out_byte_for_byte_as_they_went_in(store, other, bundle):
    assert import_bundle(other, bundle) == dataclasses.replace(NOTHING, imported=3)
    assert files(other) == files(store)
    assert [path.name for path in other.folder.glob(".work/*")] == ["import"]  # the lock


def test_a_record_that_somebody_formatted_comes_out_as_it_went_in(store, other, tmp_path):
    path = next(store.paths())
    path.write_text(json.dumps(json.loads(path.read_bytes()), indent=4))
    export_bundle(store, tmp_path / "c.zip")
    assert import_bundle(other, tmp_path / "c.zip").imported == 3
    assert files(other) == files(store)
    assert import_bundle(other, tmp_path / "c.zip").here == 3


def test_whoever_unpacks_a_bundle_by_hand_may_read_it(bundle):
    with zipfile.ZipFile(bundle) as archive:
        assert {info.external_attr >> 16 for info in archive.infolist()} == {0o100644}


def test_the_same_records_are_the_same_bytes(store, bundle, tmp_path):
    assert export_bundle(store, tmp_path / "c.zip") == (3, [])
    assert (tmp_path / "c.zip").read_bytes() == bundle.read_bytes()


def test_a_second_import_changes_nothing(other, bundle):
    import_bundle(other, bundle)
    before = files(other)
    assert import_bundle(other, bundle) == dataclasses.replace(NOTHING, here=3)
    assert files(other) == before


def test_tracks_can_be_chosen(store, other, tmp_path):
    assert export_bundle(store, tmp_path / "c.zip", ["other"]) == (1, [])
    assert import_bundle(other, tmp_path / "c.zip").imported == 1
    assert [path.parts[0] for path in files(other)] == ["other"]


def test_other_numbers_never_overwrite_those_that_are_here(other, bundle, make_result):
    ours = make_result(metrics={"nll": 1.25}, provenance={"device_name": "a GPU"})
    path = other.save(ours)
    before = path.read_bytes()
    arrival = import_bundle(other, bundle)
    assert (arrival.imported, len(arrival.refused)) == (2, 1)
    assert arrival.refused[0].startswith(f"toy-mlp/{path.name}: the store has other numbers: ")
    assert "done on a GPU with torch 2.13.0" in arrival.refused[0]
    assert "done on a processor with torch 2.13.0" in arrival.refused[0]
    assert path.read_bytes() == before


def test_the_same_numbers_of_another_process_are_kept_as_they_are(other, bundle, make_result):
    path = other.save(make_result(metrics={"nll": 1.5}, provenance={"device_name": "a GPU"}))
    before = path.read_bytes()
    arrival = import_bundle(other, bundle)
    assert (arrival.imported, arrival.repeated, arrival.refused) == (2, 1, ())
    assert path.read_bytes() == before


def test_a_done_record_takes_the_place_of_a_failed_one_and_remembers_it(
    other, bundle, make_result
):
    ours = make_result(status="timeout", error="not done after 9 s")
    path = other.save(ours)
    arrival = import_bundle(other, bundle)
    assert (arrival.imported, arrival.replaced) == (2, 1)
    result = other.load(path)
    assert (result.status, result.metrics) == ("done", {"nll": 1.5})
    assert [(each.status, each.error) for each in result.history] == [
        ("timeout", "not done after 9 s")
    ]


def test_a_failed_record_never_takes_the_place_of_a_done_one(other, bundle, make_result):
    path = other.save(make_result(seed=1, metrics={"nll": 2.0}))
    arrival = import_bundle(other, bundle)
    assert len(arrival.refused) == 1
    assert other.load(path).status == "done"


def test_a_run_in_progress_is_left_alone(other, bundle, make_result):
    spec = make_result().spec
    checkpoint = other.work(spec.key) / "checkpoint.pt"
    with locked(other, spec.key):
        checkpoint.write_bytes(b"half")
        arrival = import_bundle(other, bundle)
    assert arrival.imported == 2
    assert "the run is in progress here" in arrival.refused[0]
    assert import_bundle(other, bundle).imported == 1
    assert checkpoint.read_bytes() == b"half"


def test_two_imports_at_once_take_each_record_once(make_result, other, tmp_path):
    theirs = Store(tmp_path / "many")
    for seed in range(60):
        theirs.save(make_result(seed=seed))
    export_bundle(theirs, tmp_path / "c.zip")
    command = [sys.executable, "-m", "fmnbench", "results", "import", str(tmp_path / "c.zip")]
    processes = [
        subprocess.Popen(
            [*command, "--store", other.folder],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=ENVIRONMENT,
        )
        for _ in range(2)
    ]
    said = sorted(process.communicate()[0] for process in processes)
    assert said == ["Records: 60 here already.\n", "Records: 60 imported.\n"]
    assert files(other) == files(theirs)


def test_a_store_that_cannot_be_written_is_a_usage_error(other, bundle):
    other.folder.mkdir()
    (other.folder / ".work").write_text("a file")
    with pytest.raises(UsageError, match=r"theirs cannot be written: \w"):
        import_bundle(other, bundle)


def test_a_corrupt_record_here_is_named_and_left_as_it_is(other, bundle, make_result):
    path = other.save(make_result(metrics={"nll": 1.5}))
    path.write_text("{")
    arrival = import_bundle(other, bundle)
    assert (arrival.imported, len(arrival.refused)) == (2, 1)
    assert "the store's own record is corrupt" in arrival.refused[0]
    assert path.read_text() == "{"


def test_a_corrupt_record_is_left_out_of_a_bundle(store, other, tmp_path):
    next(iter(store.paths())).write_text("{")
    count, errors = export_bundle(store, tmp_path / "c.zip")
    assert (count, len(errors)) == (2, 1)
    assert import_bundle(other, tmp_path / "c.zip").imported == 2


def test_a_file_that_is_no_bundle_is_not_overwritten(store, bundle, tmp_path):
    path = tmp_path / "notes.zip"
    path.write_text("mine")
    with pytest.raises(UsageError, match="exists and is not a bundle of records"):
        export_bundle(store, path)
    assert path.read_text() == "mine"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MANIFEST, '{"name": "an extension of a browser"}')
    with pytest.raises(UsageError, match="exists and is not a bundle of records"):
        export_bundle(store, path)
    assert export_bundle(store, bundle)[0] == 3  # an older bundle is replaced


def test_a_record_that_no_import_would_take_is_not_exported(store, tmp_path):
    path = next(store.paths())
    path.write_bytes(path.read_bytes() + b" " * LARGEST)
    with pytest.raises(
        UsageError, match=r"^3 records of 16,78\d,\d+ bytes, .* do not fit in one bundle"
    ):
        export_bundle(store, tmp_path / "c.zip")
    assert not (tmp_path / "c.zip").exists()


def test_the_command_line_says_what_became_of_each(fmnbench, store, other, tmp_path, make_result):
    file = tmp_path / "c.zip"
    done = fmnbench("results", "export", file, "--store", store.folder)
    assert (done.code, done.out, done.err) == (0, f"3 records are in {file}.\n", "")
    done = fmnbench("results", "import", file, "--store", other.folder)
    assert (done.code, done.out, done.err) == (0, "Records: 3 imported.\n", "")
    done = fmnbench("results", "import", file, "--store", other.folder)
    assert done.out == "Records: 3 here already.\n"
    third = Store(tmp_path / "third")
    third.save(make_result(metrics={"nll": 9.0}))
    done = fmnbench("results", "import", file, "--store", third.folder)
    assert (done.code, done.out) == (1, "Records: 2 imported.\n")
    assert done.complaint.startswith("left out: toy-mlp/")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("export c.zip --track toy-mpl", "Unknown track 'toy-mpl'. Did you mean 'toy-mlp'?"),
        ("import nowhere.zip", "'nowhere.zip' cannot be read: No such file or directory."),
    ],
)
def test_a_mistake_is_one_line(fmnbench, store, words, line):
    done = fmnbench("results", *words.split(), "--store", store.folder)
    assert done.code == 2
    assert done.complaint.startswith(f"error: {line}")


def test_an_empty_store_has_nothing_to_export(fmnbench, tmp_path):
    (tmp_path / "empty").mkdir()
    done = fmnbench("results", "export", tmp_path / "c.zip", "--store", tmp_path / "empty")
    assert (done.code, done.complaint[-25:]) == (2, "has no records to export.")
    assert not (tmp_path / "c.zip").exists()


def test_a_store_of_corrupt_records_says_so_instead_of_being_called_empty(
    fmnbench, tmp_path, store
):
    paths = list(store.paths())
    paths[0].write_text("{")
    words = ["results", "export", tmp_path / "c.zip", "--store", store.folder]
    done = fmnbench(*words)
    assert (done.code, done.out) == (1, f"2 records are in {tmp_path / 'c.zip'}.\n")
    assert done.complaint.startswith(f"corrupt record, left out: {paths[0]}: not JSON")
    for path in paths:
        path.write_text("{")
    done = fmnbench(*words)
    assert done.code == 2
    assert f"has no records to export: {paths[0]}: not JSON" in done.complaint


def test_a_strangers_words_do_not_steer_the_terminal(
    fmnbench, bundle, other, tmp_path, make_result
):
    other.save(make_result(metrics={"nll": 1.25}, provenance={"device_name": "\x1b[2Ja\nGPU"}))
    done = fmnbench("results", "import", bundle, "--store", other.folder)
    assert "done on [2Ja GPU with torch" in done.complaint


@pytest.mark.parametrize("verb", ["export", "import"])
def test_help_fits_80_columns_and_shows_examples(fmnbench, verb, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = fmnbench("results", verb, "--help").out
    assert max(map(len, text.splitlines())) <= 80
    assert text.count(f"    fmnbench results {verb} ") == 2


def test_importing_bundles_does_not_import_torch():
    code = "import sys, fmnbench.records.bundle; print({'torch', 'numpy'} & {*sys.modules})"
    command = [sys.executable, "-c", code]
    assert subprocess.check_output(command, text=True, env=ENVIRONMENT) == "set()\n"
