"""A record that was measured again takes the place of the one before, and never the other way."""

import dataclasses

import pytest

from fmnbench.records.bundle import Arrival, export_bundle, import_bundle
from fmnbench.records.definitions import FIRST
from fmnbench.records.store import Store

NOTHING = Arrival(imported=0, here=0, repeated=0, measured=0, replaced=0, refused=())
CURVE = ({"epoch": 1.0, "loss": 2.5},)
PLUGIN = {"surprise": "0123456789ab"}


@pytest.fixture
def old(make_result):
    """Returns a record of which a metric is of a version that no longer holds."""
    versions = {**FIRST, "kl": "0"}
    return make_result(metrics={"nll": 1.5, "kl": 0.5}, metric_versions=versions, curve=CURVE)


def measured_again(result, versions, **values):
    return dataclasses.replace(
        result,
        metrics={**result.metrics, **values},
        metric_versions={**result.metric_versions, **versions},
    )


@pytest.fixture
def arrived(tmp_path):
    """Returns a function: a record that arrives where another is, to what became of both."""

    def arrive(arriving, held):
        theirs, ours = Store(tmp_path / "theirs"), Store(tmp_path / "ours")
        data = theirs.save(arriving).read_bytes()
        path = ours.save(held)
        export_bundle(theirs, tmp_path / "b.zip")
        arrival = import_bundle(ours, tmp_path / "b.zip")
        return arrival, path.read_bytes() == data

    return arrive


@pytest.mark.parametrize(
    ("versions", "values"),
    [({"kl": "1"}, {"kl": 0.75}), (PLUGIN, {"surprise": 9.0}), ({"kl": "1", **PLUGIN}, {})],
    ids=["of today's definition", "of a plug-in", "declined"],
)
def test_a_record_that_was_measured_again_replaces_the_one_before(versions, values, old, arrived):
    new = measured_again(old, versions, **values)
    assert arrived(new, old) == (dataclasses.replace(NOTHING, measured=1), True)


def test_the_one_before_does_not_replace_it(old, arrived):
    new = measured_again(old, {"kl": "1"}, kl=0.75)
    assert arrived(old, new) == (dataclasses.replace(NOTHING, repeated=1), False)


@pytest.mark.parametrize(
    "change",
    [
        {"curve": ({"epoch": 1.0, "loss": 2.25},)},
        {"metrics": {"nll": 1.25, "kl": 0.75}},
        {"status": "diverged", "error": "no such luck"},
    ],
    ids=["curve", "a metric of one definition", "status"],
)
def test_a_record_that_differs_in_anything_else_is_refused(change, old, arrived):
    new = dataclasses.replace(measured_again(old, {"kl": "1"}, kl=0.75), **change)
    arrival, is_replaced = arrived(new, old)
    assert (len(arrival.refused), is_replaced) == (1, False)
