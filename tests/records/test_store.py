import dataclasses
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time

import pytest

from fmnbench.errors import RecordError, UsageError, WriteError
from fmnbench.records.store import Store
from fmnbench.spec import digest


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "results")


def rewrite(path, change):
    """Edits a record as someone who knows its format: the checksum is made to fit."""
    fields = json.loads(path.read_text(encoding="utf-8"))
    change(fields)
    fields.pop("checksum")
    text = json.dumps({**fields, "checksum": digest(fields)})
    path.write_text(text, encoding="utf-8")


def test_a_missing_store_is_empty_and_reading_does_not_make_it(store):
    assert store.results() == ([], [])
    assert store.get("toy-mlp", "0" * 16) is None
    assert not store.folder.exists()


def test_results_come_sorted_by_track_then_key(store, make_result):
    for name in ("b", "a", "b+c"):
        for seed in (2, 0, 1):
            store.save(make_result(track={"name": name}, seed=seed))
    results, _ = store.results()
    order = [(result.spec.track.name, result.spec.key) for result in results]
    assert order == sorted(order)
    assert [name for name, _ in order] == ["a"] * 3 + ["b"] * 3 + ["b+c"] * 3
    assert {result.spec.track.name for result in store.results(["b", "none"])[0]} == {"b"}


def test_folders_and_files_that_start_with_a_dot_hold_no_records(store, make_result):
    path = store.save(make_result())
    assert store.work("0" * 16) == store.folder / ".work" / ("0" * 16)
    for hidden in (store.folder / ".work" / path.name, path.with_name(f".{path.name}")):
        hidden.parent.mkdir(exist_ok=True)
        hidden.write_text("no record")
    (store.folder / "README.md").write_text("a note")
    results, errors = store.results()
    assert len(results) == 1
    assert errors == []


def test_saving_the_same_record_again_changes_nothing(store, make_result):
    path = store.save(make_result(metrics={"nll": 1.5}))
    before = path.stat().st_mtime_ns
    store.save(make_result(metrics={"nll": 1.5}))
    assert path.stat().st_mtime_ns == before


def test_another_record_of_one_run_is_refused_unless_asked_for(store, make_result):
    store.save(make_result(metrics={"nll": 1.5}))
    slower = make_result(metrics={"nll": 1.5}, timings={"train": 9.0})
    with pytest.raises(UsageError, match="another record of this run, with the same numbers"):
        store.save(slower)
    other = make_result(metrics={"nll": 1.25})
    with pytest.raises(UsageError, match="with other numbers"):
        store.save(other)
    path = store.save(other, replace=True)
    assert store.load(path) == other


def test_a_corrupt_record_is_not_overwritten_unless_asked_for(store, make_result):
    path = store.save(make_result())
    path.write_bytes(b"{")
    with pytest.raises(RecordError):
        store.save(make_result())
    assert path.read_bytes() == b"{"
    store.save(make_result(), replace=True)
    assert store.load(path) == make_result()


def truncate(path):
    path.write_bytes(path.read_bytes()[:-40])


def change_a_digit(path):
    path.write_bytes(path.read_bytes().replace(b'"nll":1.5', b'"nll":1.4'))


BROKEN = {
    "cut off": truncate,
    "checksum does not match": change_a_digit,
    r"newer fmnbench \(schema 7; this version knows 1": lambda path: rewrite(
        path, lambda fields: fields.update(schema=7)
    ),
    r"newer fmnbench \(schema 8; this version": lambda path: rewrite(
        path, lambda fields: fields.update(schema=8, news=1)
    ),
    "its schema is 0; this version knows 1": lambda path: rewrite(
        path, lambda fields: fields.update(schema=0)
    ),
    "does not know its provenance.mood": lambda path: rewrite(
        path, lambda fields: fields["provenance"].update(mood="good")
    ),
    "key .* does not match its spec": lambda path: rewrite(
        path, lambda fields: fields["spec"].update(seed=5)
    ),
    "name does not match the key": lambda path: path.rename(path.with_name(f"{'0' * 16}.json")),
    "record of track 'toy-mlp'": lambda path: path.parent.rename(path.parent.with_name("else")),
    "status: Input should be": lambda path: rewrite(
        path, lambda fields: fields.update(status="fine")
    ),
    "metrics.nll: Input should be a valid number": lambda path: rewrite(
        path, lambda fields: fields["metrics"].update(nll="1.5")
    ),
    "expected|the whole": lambda path: path.write_bytes(b"[]"),
    "cut off: EOF": lambda path: path.write_bytes(b""),
    "invalid unicode": lambda path: path.write_bytes(b'{"key":"\xff"}'),
    "recursion": lambda path: path.write_bytes(b"[" * 100_000),
    "cannot be read": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("reason", BROKEN)
def test_a_bad_record_is_named_with_its_fault_and_stops_nothing(store, make_result, reason):
    good = make_result(seed=1, track={"name": "other"})
    store.save(good)
    BROKEN[reason](store.save(make_result(metrics={"nll": 1.5})))
    results, errors = store.results()
    assert results == [good]
    (error,) = errors
    assert re.search(reason, str(error))
    assert re.match(r"\S+[0-9a-f]{16}\.json: ", str(error))
    assert "\n" not in str(error)


def test_a_reformatted_record_with_the_same_content_is_still_good(store, make_result):
    result = make_result(metrics={"nll": 1.5}, error=' "key": "x",\n "y"', status="failed")
    path = store.save(result)
    path.write_text(json.dumps(json.loads(path.read_text()), indent=4))
    assert store.load(path) == result
    path.write_text(path.read_text().replace("1.5", "1.6"))
    with pytest.raises(RecordError, match="checksum"):
        store.load(path)


def test_a_corrupt_record_is_set_aside_under_a_free_name(store, make_result):
    names = []
    for content in (b"first", b"second"):
        path = store.save(make_result())
        path.write_bytes(content)
        names.append(store.set_aside(path))
        assert store.get("toy-mlp", make_result().spec.key) is None
    assert [name.name for name in names] == [f"{path.name}.corrupt", f"{path.name}.corrupt.2"]
    assert [name.read_bytes() for name in names] == [b"first", b"second"]
    assert store.results() == ([], [])


def test_a_key_prefix_finds_one_record_or_lists_the_candidates(store, make_result):
    paths = [store.save(make_result(seed=seed)) for seed in range(20)]
    assert store.find(paths[3].stem) == paths[3]
    assert store.find(paths[3].stem[:12].upper()) == paths[3]
    with pytest.raises(UsageError, match=r"20 records have .* \(toy-mlp\), .* and 10 more"):
        store.find("")
    with pytest.raises(UsageError, match=r"No record .* 'xyz'"):
        store.find("xyz")
    store.remove(paths[3])
    assert not paths[3].exists()


@pytest.mark.parametrize(
    "name", ["..", "../up", "a/b", "", ".hidden", "a\nb", "/etc", "é", "a\\b"]
)
def test_a_track_name_never_leads_out_of_the_store(store, make_result, name):
    with pytest.raises(UsageError, match="cannot name a folder"):
        store.save(make_result(track={"name": name}))
    assert not store.folder.exists()


@pytest.mark.parametrize("key", ["../x", "ABCDEF0123456789", "abc", "0" * 17])
def test_only_a_key_names_a_record_or_its_work(store, key):
    with pytest.raises(UsageError, match="16 hex digits"):
        store.path("toy-mlp", key)
    with pytest.raises(UsageError, match="16 hex digits"):
        store.work(key)


def test_a_store_that_is_a_file_is_a_usage_error(tmp_path, make_result):
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file")
    with pytest.raises(UsageError, match=r"file cannot be read: Not a directory\.$"):
        store.results()
    with pytest.raises(WriteError, match=r"cannot be written: Not a directory\.$"):
        store.save(make_result())


SAVE_FOREVER = """
import pickle, resource, signal, sys
from pathlib import Path
from fmnbench.records.store import Store

results = pickle.loads(Path(sys.argv[2]).read_bytes())
store = Store(Path(sys.argv[1]))
store.save(results[0])
if sys.argv[3] == "full":  # the kernel kills the next write in its middle
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
print("ready", flush=True)
while True:
    for result in reversed(results):
        store.save(result, replace=True)
"""


@pytest.mark.parametrize("cause", ["kill", "full"])
def test_a_save_that_is_killed_leaves_the_old_record_or_the_new_one(tmp_path, make_result, cause):
    curve = tuple({"loss": 1 / (epoch + 3)} for epoch in range(2_000))
    versions = [make_result(curve=curve), make_result(curve=curve[::-1])]
    (tmp_path / "results.pickle").write_bytes(pickle.dumps(versions))
    store = Store(tmp_path / "results")
    arguments = [str(store.folder), str(tmp_path / "results.pickle"), cause]
    with subprocess.Popen(
        [sys.executable, "-c", SAVE_FOREVER, *arguments],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        process.stdout.readline()
        time.sleep(0.1)
        if cause == "kill":
            process.send_signal(signal.SIGKILL)
    assert process.returncode == -(signal.SIGKILL if cause == "kill" else signal.SIGXFSZ)
    results, errors = store.results()
    assert errors == []
    assert results in ([versions[0]], [versions[1]])
    store.save(dataclasses.replace(versions[0], timings={"train": 1.0}), replace=True)


def test_importing_the_store_imports_neither_torch_nor_pandas_nor_scipy():
    heavy = {"torch", "pandas", "scipy", "numpy"}
    code = f"import sys, fmnbench.records.store; print(*{heavy} & {{*sys.modules}})"
    process = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout.strip() == ""
