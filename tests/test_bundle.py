"""Bundles: records that travel, and everything that must not be taken."""

import dataclasses
import hashlib
import json
import stat
import zipfile

import pytest
from filelock import FileLock

from fmnbench.bundle import LARGEST, MANIFEST, Arrival, export_bundle, import_bundle
from fmnbench.errors import RecordError, UsageError
from fmnbench.executors.worker import lock_path
from fmnbench.store import Store

NOTHING = Arrival(imported=0, here=0, repeated=0, replaced=0, refused=())


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
    assert not list(other.folder.glob(".work/*"))


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


def test_a_run_that_is_going_on_is_left_alone(other, bundle, make_result):
    spec = make_result().spec
    lock = lock_path(other, spec)
    checkpoint = lock.with_name("checkpoint.pt")
    checkpoint.write_bytes(b"half")
    with FileLock(lock):
        arrival = import_bundle(other, bundle)
    assert arrival.imported == 2
    assert "the run is going on here" in arrival.refused[0]
    assert import_bundle(other, bundle).imported == 1
    assert checkpoint.read_bytes() == b"half"


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


def changed(bundle, change):
    """Rewrites a bundle after a change of its members, a dictionary from name to content."""
    with zipfile.ZipFile(bundle) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def manifest(**fields):
    """Returns a change of the manifest's fields."""

    def change(members):
        members[MANIFEST] = json.dumps(json.loads(members[MANIFEST]) | fields).encode()

    return change


def first(members):
    return next(name for name in members if name != MANIFEST)


def altered(members):
    members[first(members)] = members[first(members)].replace(b'"nll":0.1', b'"nll":0.2')


def relisted(name):
    """Returns a change that gives the first record another name, in the manifest too."""

    def change(members):
        old = first(members)
        members[name] = members.pop(old)
        listed = json.loads(members[MANIFEST])
        listed["records"][name] = listed["records"].pop(old)
        members[MANIFEST] = json.dumps(listed).encode()

    return change


def bomb(members):
    members[first(members)] = bytes(LARGEST + 1)


DAMAGED = {
    "altered": (altered, "has not the SHA-256 of the manifest"),
    "missing": (lambda members: members.pop(first(members)), "manifest and its files differ in"),
    "added": (
        lambda members: members.update({"toy-mlp/more.json": b"{}"}),
        "manifest and its files differ in 'toy-mlp/more.json'",
    ),
    "no manifest": (lambda members: members.pop(MANIFEST), "it is no bundle of records"),
    "broken manifest": (lambda members: members.update({MANIFEST: b"{"}), "cannot be read"),
    "a list": (lambda members: members.update({MANIFEST: b"[]"}), "cannot be read"),
    "future": (manifest(format=2), "has format 2; this version knows 1"),
    "records": (manifest(records=[1]), "does not list"),
    "outside": (relisted("../toy-mlp/evil.json"), "is the record of other/"),
    "another key": (relisted(f"toy-mlp/{'0' * 16}.json"), "is the record of other/"),
    "bomb": (bomb, "has more than"),
}


@pytest.mark.parametrize(("change", "reason"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_bundle_is_refused_as_a_whole(other, bundle, change, reason):
    changed(bundle, change)
    with pytest.raises(RecordError, match=reason) as error:
        import_bundle(other, bundle)
    assert "\n" not in str(error.value)
    assert not other.folder.exists()


def test_a_record_that_was_altered_with_its_hash_is_refused_by_its_checksum(other, bundle):
    def change(members):
        altered(members)
        listed = json.loads(members[MANIFEST])["records"]
        listed[first(members)] = hashlib.sha256(members[first(members)]).hexdigest()
        manifest(records=listed)(members)

    changed(bundle, change)
    with pytest.raises(RecordError, match="its checksum does not match; it was altered"):
        import_bundle(other, bundle)


def test_a_link_in_a_bundle_is_not_followed(other, bundle, tmp_path):
    (tmp_path / "secret").write_text("secret")
    with zipfile.ZipFile(bundle, "a") as archive:
        info = zipfile.ZipInfo("toy-mlp/link.json")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, str(tmp_path / "secret"))
    with pytest.raises(
        RecordError, match=r"manifest and its files differ in 'toy-mlp/link\.json'"
    ):
        import_bundle(other, bundle)


@pytest.mark.parametrize("keep", [0, 30, 300, -40])
def test_half_a_bundle_is_refused(other, bundle, keep):
    bundle.write_bytes(bundle.read_bytes()[:keep])
    with pytest.raises(RecordError, match="no whole bundle"):
        import_bundle(other, bundle)
    assert not other.folder.exists()


def test_a_file_that_is_no_bundle_is_not_overwritten(store, bundle, tmp_path):
    path = tmp_path / "notes.zip"
    path.write_text("mine")
    with pytest.raises(UsageError, match="is no bundle of records"):
        export_bundle(store, path)
    assert path.read_text() == "mine"
    assert export_bundle(store, bundle)[0] == 3  # an older bundle is replaced


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
