"""Likelihoods of test rows: beside the record, under its hash, and in bundles."""

import dataclasses
import hashlib
import json
import os
import zipfile

import numpy as np
import pytest
from kept_rows import with_rows
from safetensors.numpy import save

from fmnbench.errors import RecordError
from fmnbench.records import schema
from fmnbench.records.bundle import Arrival, export_bundle, import_bundle
from fmnbench.records.bundle_file import MANIFEST
from fmnbench.records.frames import load
from fmnbench.records.rows import NAME, likelihoods, packed
from fmnbench.records.store import Store
from fmnbench.spec import RowFile

VALUES = np.random.default_rng(0).gamma(9.0, 9.0, 501)
NOTHING = Arrival(imported=0, here=0, repeated=0, measured=0, replaced=0, refused=())


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "ours")


@pytest.fixture
def other(tmp_path):
    return Store(tmp_path / "theirs")


@pytest.fixture
def result(store, make_result):
    """Returns a record whose likelihoods are in the store."""
    return with_rows(store, make_result(), VALUES)


@pytest.fixture
def bundle(store, result, make_result, tmp_path):
    """Returns a bundle of a record with likelihoods and one without."""
    store.save(make_result(seed=1, metrics={"nll": 2.5}))
    assert export_bundle(store, tmp_path / "b.zip") == (2, [])
    return tmp_path / "b.zip"


def path_of(store, result):
    return store.rows(result.spec.track.name, result.spec.key)


def test_rows_are_read_back_as_they_were_and_lie_beside_the_record(store, result):
    path = path_of(store, result)
    assert np.array_equal(likelihoods(store, result), VALUES.astype(np.float32))
    assert path.stat().st_size < 4 * len(VALUES) + 100
    (record,) = store.paths()
    assert path.parent == record.parent
    assert store.results() == ([result], [])
    assert result.rows.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_record_without_rows_has_the_bytes_that_it_always_had(make_result):
    data = schema.dump(make_result(metrics={"nll": 2.5}))
    assert b'"rows"' not in data
    assert schema.parse(data, "it").result.rows is None


def test_rows_do_not_move_the_key_and_are_no_part_of_the_numbers(result, make_result):
    bare = make_result(metrics=result.metrics)
    assert (bare.spec.key, bare.numbers) == (result.spec.key, result.numbers)


def test_no_rows_are_no_error(store, result, make_result):
    path_of(store, result).unlink()
    assert likelihoods(store, result) is None
    assert likelihoods(store, make_result(seed=1)) is None


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
def test_a_row_that_is_not_finite_in_float32_is_not_kept(value):
    assert packed(np.array([1.0, value])) is None
    assert packed(np.array([])) is None


def test_a_record_goes_with_its_rows(store, result):
    (record,) = store.paths()
    store.remove(record)
    assert list(record.parent.iterdir()) == []


def with_nan(rows):
    return np.append(rows[:-1], np.float32("nan"))


FORGED = {  # files that somebody made who gave their hash to the record
    "short": ({NAME: VALUES[1:].astype("f4")}, "it has 500 rows; the record has 501"),
    "nan": ({NAME: with_nan(VALUES.astype("f4"))}, "rows without a finite likelihood"),
    "float64": ({NAME: VALUES}, "no likelihoods of test rows in float32"),
    "square": ({NAME: VALUES.astype("f4")[None]}, "no likelihoods of test rows in float32"),
    "renamed": ({"x": VALUES.astype("f4")}, "no likelihoods of test rows in float32"),
    "two": (
        {NAME: VALUES.astype("f4"), "x": VALUES[:1].astype("f4")},
        "no likelihoods of test rows in float32",
    ),
    "of another run": ({NAME: VALUES.astype("f4") + 1}, r"its mean, .*, is not the record's NLL"),
}


def forged(store, result, data):
    """Replaces the rows of a record and their hash in it."""
    listed = RowFile(sha256=hashlib.sha256(data).hexdigest(), n=len(VALUES))
    result = dataclasses.replace(result, rows=listed)
    store.save(result, replace=True)
    path_of(store, result).write_bytes(data)
    return result


@pytest.mark.parametrize(("tensors", "reason"), FORGED.values(), ids=FORGED)
def test_rows_that_are_not_what_the_record_says_are_one_line(store, result, tensors, reason):
    made = forged(store, result, save(tensors))
    with pytest.raises(RecordError, match=reason) as error:
        likelihoods(store, made)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(f"{path_of(store, result)}: ")


@pytest.mark.parametrize("data", [b"", b"\xff" * 64, save({NAME: VALUES.astype("f4")})[:-4]])
def test_rows_that_are_cut_off_or_nothing_are_one_line(store, result, data):
    with pytest.raises(RecordError, match="has no likelihoods of test rows: ") as error:
        likelihoods(store, forged(store, result, data))
    assert "\n" not in str(error.value)


def test_any_changed_byte_of_rows_is_found(store, result):
    path = path_of(store, result)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(RecordError, match="its SHA-256 is not that of the record"):
        likelihoods(store, result)
    path.unlink()
    path.mkdir()
    with pytest.raises(RecordError, match="cannot be read: "):
        likelihoods(store, result)


def test_a_pipe_in_place_of_rows_is_not_waited_for(store, result):
    path = path_of(store, result)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(RecordError, match="cannot be read: Not a regular file"):
        likelihoods(store, result)


def test_rows_travel_with_their_record(store, other, result, bundle):
    assert import_bundle(other, bundle).imported == 2
    assert path_of(other, result).read_bytes() == path_of(store, result).read_bytes()
    assert import_bundle(other, bundle) == dataclasses.replace(NOTHING, here=2)
    path_of(other, result).unlink()
    assert import_bundle(other, bundle) == dataclasses.replace(NOTHING, here=2)
    assert np.array_equal(likelihoods(other, result), VALUES.astype(np.float32))


def test_only_a_bundle_with_rows_is_of_the_later_format(bundle, store, make_result, tmp_path):
    def kept(path):
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read(MANIFEST)), set(archive.namelist())

    manifest, names = kept(bundle)
    assert manifest["format"] == 2
    assert names == {MANIFEST, *manifest["records"], *manifest["rows"]}
    bare = Store(tmp_path / "bare")
    bare.save(make_result(metrics={"nll": 2.5}))
    export_bundle(bare, tmp_path / "c.zip")
    assert kept(tmp_path / "c.zip")[0].keys() == {"format", "records"}
    assert kept(tmp_path / "c.zip")[0]["format"] == 1


def test_a_store_that_has_the_record_without_rows_takes_them(other, result, bundle):
    other.save(dataclasses.replace(result, rows=None))
    assert import_bundle(other, bundle) == dataclasses.replace(NOTHING, imported=1, measured=1)
    assert other.get("toy-mlp", result.spec.key) == result
    assert likelihoods(other, result) is not None


def test_a_store_that_has_the_rows_keeps_them(store, result, other, bundle, tmp_path):
    import_bundle(other, bundle)
    bare = Store(tmp_path / "bare")
    bare.save(dataclasses.replace(result, rows=None))
    export_bundle(bare, tmp_path / "c.zip")
    assert import_bundle(other, tmp_path / "c.zip") == dataclasses.replace(NOTHING, repeated=1)
    assert likelihoods(other, result) is not None


def test_rows_of_a_failed_record_come_with_the_done_one(other, result, bundle, make_result):
    other.save(make_result(status="failed", error="no such luck"))
    assert import_bundle(other, bundle).replaced == 1
    found = other.get("toy-mlp", result.spec.key)
    assert [each.status for each in found.history] == ["failed"]
    assert np.array_equal(likelihoods(other, found), VALUES.astype(np.float32))


def test_damaged_rows_stay_here_and_their_record_goes(store, result, tmp_path):
    path_of(store, result).write_bytes(b"{")
    count, (error,) = export_bundle(store, tmp_path / "c.zip")
    assert count == 1
    assert "its SHA-256 is not that of the record" in str(error)
    other = Store(tmp_path / "theirs")
    assert import_bundle(other, tmp_path / "c.zip").imported == 1
    assert likelihoods(other, result) is None


def rewritten(bundle, change):
    with zipfile.ZipFile(bundle) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members[MANIFEST])
    change(members, manifest)
    for kind in ("records", "rows"):
        for name in manifest[kind]:
            manifest[kind][name] = hashlib.sha256(members[name]).hexdigest()
    members[MANIFEST] = json.dumps(manifest).encode()
    with zipfile.ZipFile(bundle, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def other_values(members, manifest):
    (name,) = manifest["rows"]
    members[name] = save({NAME: VALUES.astype("f4") + 1})


def a_stranger(members, manifest):
    members["toy-mlp/more.rows.safetensors"] = b"{}"
    manifest["rows"]["toy-mlp/more.rows.safetensors"] = ""


def unlisted(_members, manifest):
    manifest["rows"] = {}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (other_values, "its SHA-256 is not that of the record"),
        (a_stranger, "'toy-mlp/more.rows.safetensors' is named by no record"),
        (unlisted, "its manifest and its files differ in 'toy-mlp/"),
    ],
)
def test_a_bundle_of_hostile_rows_is_refused_as_a_whole(other, bundle, change, reason):
    rewritten(bundle, change)
    with pytest.raises(RecordError, match=reason) as error:
        import_bundle(other, bundle)
    assert "\n" not in str(error.value)
    assert not other.folder.exists()


def test_frames_give_rows_by_key_and_say_which_are_damaged(store, result, make_result):
    store.save(make_result(seed=1, metrics={"nll": 2.5}))
    rows = load(store.folder).rows
    assert list(rows) == [result.spec.key]
    assert np.array_equal(rows[result.spec.key], VALUES.astype(np.float32))
    with pytest.raises(KeyError):
        rows["0" * 16]
    path_of(store, result).write_bytes(b"{")
    with pytest.raises(RecordError, match="its SHA-256 is not that of the record"):
        rows[result.spec.key]


def test_rows_are_found_where_a_tracks_name_is_shortened(store, make_result):
    long = make_result(track={"name": "x" * 300})
    assert likelihoods(store, with_rows(store, long, VALUES)) is not None
