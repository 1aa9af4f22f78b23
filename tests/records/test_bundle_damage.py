"""Bundles that must not be taken: damaged, altered, or made to do harm."""

import hashlib
import json
import math
import stat
import zipfile

import pytest
from forged import forged

from fmnbench.errors import RecordError, UsageError
from fmnbench.records import schema
from fmnbench.records.bundle import export_bundle, import_bundle
from fmnbench.records.bundle_file import LARGEST, MANIFEST
from fmnbench.records.store import Store
from fmnbench.spec import digest


@pytest.fixture
def other(tmp_path):
    return Store(tmp_path / "theirs")


@pytest.fixture
def bundle(make_result, tmp_path):
    """Returns a bundle of two tracks with a record each, the first in it that of `other`."""
    store = Store(tmp_path / "ours")
    store.save(make_result(metrics={"nll": 1.5}))
    store.save(make_result(track={"name": "other"}, metrics={"nll": 0.1}))
    export_bundle(store, tmp_path / "b.zip")
    return tmp_path / "b.zip"


def changed(bundle, change, method=zipfile.ZIP_DEFLATED):
    """Rewrites a bundle after a change of its members, a dictionary from name to content."""
    with zipfile.ZipFile(bundle) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(bundle, "w", method) as archive:
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
    return relisted_by(lambda _: name)


def relisted_by(renamed):
    """Returns a change that renames the first record, in the manifest too."""

    def change(members):
        old = first(members)
        name = renamed(old)
        members[name] = members.pop(old)
        listed = json.loads(members[MANIFEST])
        listed["records"][name] = listed["records"].pop(old)
        members[MANIFEST] = json.dumps(listed).encode()

    return change


def put(members, name, data):
    """Adds a record with its hash in the manifest."""
    members[name] = data
    listed = json.loads(members[MANIFEST])["records"]
    manifest(records={**listed, name: hashlib.sha256(data).hexdigest()})(members)


def bomb(members):
    members[first(members)] = bytes(LARGEST + 1)


DAMAGED = {
    "altered": (altered, "is not that of the manifest"),
    "missing": (lambda members: members.pop(first(members)), "manifest and its files differ in"),
    "added": (
        lambda members: members.update({"toy-mlp/more.json": b"{}"}),
        "manifest and its files differ in 'toy-mlp/more.json'",
    ),
    "no manifest": (lambda members: members.pop(MANIFEST), "it is not a bundle of records"),
    "broken manifest": (lambda members: members.update({MANIFEST: b"{"}), "cannot be read"),
    "deep manifest": (
        lambda members: members.update({MANIFEST: b"[" * 200_000}),
        "not a valid bundle of records: its manifest.json cannot be read",
    ),
    "a list": (lambda members: members.update({MANIFEST: b"[]"}), "cannot be read"),
    "future": (manifest(format=3), "has format 3; this version knows 1, 2"),
    "long format": (manifest(format="x" * 99), "has format 'x{19}; this version"),
    "records": (manifest(records=[1]), "does not list"),
    "outside": (
        relisted("../toy-mlp/evil.json"),
        r"member '\.\./toy-mlp/evil\.json' has a path with",
    ),
    "another key": (relisted(f"toy-mlp/{'0' * 16}.json"), "the name does not match the key"),
    "another folder": (
        relisted_by(lambda name: f"toy-mlp/{name}"),
        "not where its record belongs",
    ),
    "another track": (relisted_by(lambda name: f"x-{name}"), "is a record of track 'other'"),
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
        put(members, first(members), members[first(members)])

    changed(bundle, change)
    with pytest.raises(RecordError, match="its checksum does not match; it was altered"):
        import_bundle(other, bundle)


@pytest.mark.parametrize(
    ("track", "folder", "complaint"),
    [
        ("../up", "../up", r"member '\.\./up/\w+\.json' has a path with '\.\.'"),
        ("../up", "up", r"up/\w+\.json: it is a record of track '\.\./up'"),
        (".up", ".up", r"The track name '\.up' cannot name a folder"),
        ("up here", "up here", r"The track name 'up here' cannot name a folder"),
    ],
)
def test_a_track_that_cannot_name_a_folder_is_found_before_anything_is_written(
    other, bundle, make_result, track, folder, complaint
):
    evil = make_result(track={"name": track})
    name = f"{folder}/{evil.spec.key}.json"
    changed(bundle, lambda members: put(members, name, schema.dump(evil)))
    with pytest.raises(RecordError, match=rf"b\.zip.*: {complaint}"):
        import_bundle(other, bundle)
    assert not other.folder.exists()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_record_with_a_number_that_is_not_finite_is_refused_each_time(other, bundle, value):
    def change(members):
        whole = forged(members[first(members)], lambda fields: fields["metrics"].update(nll=value))
        put(members, first(members), whole)

    changed(bundle, change)
    for _ in range(2):
        with pytest.raises(RecordError, match=r"b\.zip: .*metrics\.nll: .* finite number"):
            import_bundle(other, bundle)
    assert not other.folder.exists()


def test_a_strangers_words_about_a_bad_record_do_not_steer_the_terminal(other, bundle):
    def change(members):
        fields = json.loads(members[first(members)]) | {"key": "\x1b[2J"}
        fields.pop("checksum")
        whole = {**fields, "checksum": digest(fields)}
        put(members, first(members), json.dumps(whole).encode())

    changed(bundle, change)
    with pytest.raises(RecordError, match=r"its key  ?\[2J does not match its spec"):
        import_bundle(other, bundle)


def test_records_that_together_unpack_to_too_much_are_refused(other, bundle, monkeypatch):
    with zipfile.ZipFile(bundle) as archive:
        sizes = [info.file_size for info in archive.infolist()]
    monkeypatch.setattr("fmnbench.records.bundle_file.ROOM", sum(sizes) - 1)
    with pytest.raises(RecordError, match=r"unpacks to more than the limit of \d+ bytes"):
        import_bundle(other, bundle)
    assert not other.folder.exists()
    monkeypatch.setattr("fmnbench.records.bundle_file.ROOM", sum(sizes))
    assert import_bundle(other, bundle).imported == 2


def test_a_member_that_comes_twice_is_refused(other, bundle):
    with zipfile.ZipFile(bundle, "a") as archive:
        name = archive.namelist()[1]
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr(name, archive.read(name))
    with pytest.raises(RecordError, match=f"member '{name}' comes twice"):
        import_bundle(other, bundle)


def test_a_link_is_refused_whatever_it_holds(other, bundle):
    with zipfile.ZipFile(bundle) as archive:
        members = {info.filename: (info, archive.read(info)) for info in archive.infolist()}
    with zipfile.ZipFile(bundle, "w") as archive:
        for info, data in members.values():
            if info.filename != MANIFEST:
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, data)
    with pytest.raises(RecordError, match=r"\.json' is a symbolic link; only files are taken"):
        import_bundle(other, bundle)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_method_that_is_unpacked_without_a_bound_is_refused(other, bundle, method):
    changed(bundle, lambda members: None, method)
    with pytest.raises(RecordError, match="is compressed by a method other than deflate"):
        import_bundle(other, bundle)
    changed(bundle, lambda members: None, zipfile.ZIP_STORED)
    assert import_bundle(other, bundle).imported == 2


def test_an_encrypted_member_is_refused(other, bundle):
    data = bytearray(bundle.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flags in the first entry of the directory
    bundle.write_bytes(data)
    with pytest.raises(RecordError, match=r"'manifest\.json' is encrypted"):
        import_bundle(other, bundle)


def test_a_folder_in_place_of_a_bundle_is_a_usage_error(other, tmp_path):
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        import_bundle(other, tmp_path)


@pytest.mark.parametrize("keep", [0, 30, 300, -40])
def test_half_a_bundle_is_refused(other, bundle, keep):
    bundle.write_bytes(bundle.read_bytes()[:keep])
    with pytest.raises(RecordError, match="is not a valid bundle of records: "):
        import_bundle(other, bundle)
    assert not other.folder.exists()


def test_a_bundle_with_any_byte_changed_is_refused_or_holds_the_same_records(other, bundle):
    import_bundle(other, bundle)
    before = {path: path.read_bytes() for path in other.paths()}
    whole = bundle.read_bytes()
    refused = 0
    for place in range(0, len(whole), 3):
        data = bytearray(whole)
        data[place] ^= 0x41
        bundle.write_bytes(data)
        try:
            assert import_bundle(other, bundle).here == 2  # a date or another idle field
        except (RecordError, UsageError):
            refused += 1
    assert refused > len(whole) / 3 / 2
    assert {path: path.read_bytes() for path in other.paths()} == before
