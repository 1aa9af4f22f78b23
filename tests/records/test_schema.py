import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from untyped import untyped

from fmnbench.errors import RecordError
from fmnbench.records import schema
from fmnbench.records.store import Store
from fmnbench.spec import Attempt, Provenance, Result, RunSpec, Track

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FLOAT = st.floats(allow_nan=False, allow_infinity=False)
FLOATS = st.dictionaries(TEXT, FLOAT, max_size=4)
STATUS = st.sampled_from(["done", "failed", "diverged", "timeout", "out_of_memory", "skipped"])
COUNT = st.integers(min_value=1)
SETTINGS = st.dictionaries(
    TEXT,
    st.booleans()
    | st.integers()
    | FLOAT
    | TEXT
    | st.none()
    | st.lists(st.integers(), max_size=3).map(tuple)
    | st.lists(FLOAT, max_size=3).map(tuple)
    | st.lists(TEXT, max_size=3).map(tuple),
    max_size=4,
)
POSITIVE = st.floats(min_value=0, exclude_min=True, allow_infinity=False)
TRACK = {
    "name": st.from_regex(r"[a-z_+=,-][a-zA-Z0-9._+=,-]{0,20}", fullmatch=True),
    "dataset": TEXT,
    "dataset_settings": SETTINGS,
    "architecture": TEXT,
    "architecture_settings": SETTINGS,
    "epochs": COUNT,
    "batch_size": COUNT,
    "learning_rate": POSITIVE,
    "weight_decay": FLOAT,
    "gradient_clip": st.none() | POSITIVE,
    "precision": st.sampled_from(["float32", "float64", "bf16"]),
    "validate_every": COUNT,
    "patience": st.none() | COUNT,
    "nll_samples": COUNT,
}
SPEC = {
    "critic": TEXT,
    "critic_settings": SETTINGS,
    "objective": TEXT,
    "objective_settings": SETTINGS,
    "lambda_": FLOAT,
    "seed": st.integers(),
    "dataset_fingerprint": TEXT,
    "versions": st.dictionaries(TEXT, TEXT, max_size=3),
}
PROVENANCE = {
    **dict.fromkeys(
        ("fmnbench", "python", "torch", "device", "device_name", "dataset_sha256", "started"), TEXT
    ),
    "git_commit": st.none() | TEXT,
    "git_dirty": st.none() | st.booleans(),
    "threads": st.integers(),
    "seconds": FLOAT,
    "resumed": st.integers(),
    "plugins": st.dictionaries(TEXT, TEXT, max_size=2),
}
RESULT = {
    "status": STATUS,
    "metrics": FLOATS,
    "curve": st.lists(FLOATS, max_size=3).map(tuple),
    "error": st.none() | TEXT,
    "timings": FLOATS,
}
HISTORY = st.lists(st.tuples(STATUS, st.none() | TEXT), max_size=2)
FIELDS = st.tuples(*map(st.fixed_dictionaries, (TRACK, SPEC, PROVENANCE, RESULT)), HISTORY)


def build(fields):
    track, spec, provenance, result, history = fields
    return Result(
        spec=RunSpec(track=Track(**track), **spec),
        provenance=Provenance(**provenance),
        history=tuple(Attempt(status=status, error=error) for status, error in history),
        **result,
    )


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "results")


def checksum_of(fields):
    rest = {name: value for name, value in fields.items() if name != "checksum"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@settings(max_examples=150, deadline=None)  # a slow shared machine is no failure
@given(FIELDS)
def test_every_result_comes_back_from_the_store_as_it_went_in(tmp_path_factory, fields):
    result = build(fields)
    store = Store(tmp_path_factory.mktemp("store"))
    path = store.save(result)
    again = store.get(result.spec.track.name, result.spec.key)
    assert again == result
    assert repr(again) == repr(Result(**vars(again)))
    assert again.numbers == result.numbers  # text of every float: equal bit for bit, -0.0 too
    assert store.results() == ([result], [])
    assert checksum_of(json.loads(path.read_bytes())) == json.loads(path.read_bytes())["checksum"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"metrics": {"nll": float("nan")}}, "not JSON compliant"),
        ({"curve": ({"loss": float("inf")},)}, "not JSON compliant"),
        ({"error": "\ud800", "status": "failed"}, "surrogates not allowed"),
    ],
)
def test_what_would_not_come_back_the_same_is_refused(store, make_result, fields, reason):
    with pytest.raises(RecordError, match=reason) as caught:
        store.save(make_result(**fields))
    assert "\n" not in str(caught.value)
    assert store.results() == ([], [])


def test_values_of_another_type_than_declared_are_refused(store, make_result):
    with pytest.raises(RecordError, match=r"metrics\.nll: .* valid number"):
        store.save(untyped(make_result(), metrics={"nll": "12"}))
    with pytest.raises(RecordError, match="would change"):
        store.save(untyped(make_result(), curve=[{"loss": 1.0}]))
    result = make_result()
    untyped(result.spec, lambda_=20)  # the key of 20 is not the key of 20.0
    with pytest.raises(RecordError, match="does not match its spec"):
        store.save(result)
    assert store.results() == ([], [])


def test_metrics_given_as_ints_are_stored_as_the_floats_that_they_are_read_as(store, make_result):
    path = store.save(untyped(make_result(), metrics={"au": 4}))
    assert '"au":4.0' in path.read_text()
    assert store.load(path).numbers == make_result(metrics={"au": 4.0}).numbers


def test_a_record_in_git_differs_by_one_line_where_one_number_differs(make_result):
    ours = schema.dump(make_result(metrics={"kl": 2.0, "nll": 1.5})).splitlines()
    theirs = schema.dump(make_result(metrics={"kl": 2.0, "nll": 1.25})).splitlines()
    changed = [a for a, b in zip(ours, theirs, strict=True) if a != b]
    assert [line.split(b":")[0].strip() for line in changed] == [b'"checksum"', b'"nll"']
