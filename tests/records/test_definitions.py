"""Which of a record's metrics were computed by definitions that hold here."""

import dataclasses
from pathlib import Path

import pytest

from fmnbench.records import schema
from fmnbench.records.definitions import FIRST, Definitions
from fmnbench.records.store import Store
from fmnbench.registry import datasets, load_plugin, metrics
from fmnbench.testing import check_dataset

RECORDS = Path(__file__).parents[2] / "leaderboards" / "results"
OF_TEXTS = Definitions(
    versions={"density": "2", "mi": "3", "mine": "0123abcdef45"},
    moved={"density": {2: ("texts",)}, "mi": {2: ("texts",)}},  # version 3 of mi moved all
)
IMAGES, TEXTS, MADE_UP = {"dataset": "omniglot"}, {"dataset": "yahoo-10k"}, {"dataset": "made-up"}


def due(result):
    return set(OF_TEXTS.due(OF_TEXTS.versions, result))


def test_a_version_for_texts_alone_leaves_records_of_images_valid(make_result):
    versions = {"density": "1", "mi": "3", "mine": "0123abcdef45"}
    for track, expected in ((IMAGES, set()), (TEXTS, {"density"}), (MADE_UP, {"density"})):
        assert due(make_result(track=track, metric_versions=versions)) == expected


def test_a_version_that_moved_all_data_is_not_hidden_by_one_that_moved_some(make_result):
    versions = {"density": "2", "mi": "1", "mine": "0123abcdef45"}
    for track in (IMAGES, TEXTS):
        assert due(make_result(track=track, metric_versions=versions)) == {"mi"}


@pytest.mark.parametrize("version", ["0123abcdef46", "1", None])
def test_a_plug_in_metric_holds_by_its_own_file_alone(version, make_result):
    versions = {"density": "2", "mi": "3"} | ({"mine": version} if version else {})
    assert due(make_result(track=IMAGES, metric_versions=versions)) == {"mine"}


def test_a_newer_version_than_this_one_and_a_metric_that_is_not_here_hold(make_result):
    versions = {"density": "9", "mi": "4", "mine": "0123abcdef45", "theirs": "abc"}
    result = make_result(track=TEXTS, metric_versions=versions)
    assert due(result) == set()
    assert OF_TEXTS.holds("theirs", result)
    assert OF_TEXTS.holds("elsewhere", result)


def test_a_record_without_versions_has_every_metric_of_its_time_at_version_1(make_result):
    old = make_result(track=IMAGES, metrics={"nll": 1.0, "mine": 2.0})
    assert due(old) == {"mi", "mine"}
    first = Definitions(versions=FIRST, moved={})
    assert first.due(FIRST, old) == ()


def test_committed_records_declined_what_they_lack():
    frozen = Definitions(versions=FIRST, moved={})
    results, errors = Store(RECORDS).results()
    assert errors == []
    older = [result for result in results if not result.metric_versions]
    assert {frozen.due(FIRST, result) for result in older} == {()}
    assert all(result.metrics.keys() <= FIRST.keys() for result in older)
    known = Definitions.here().versions.keys()
    assert all(result.metrics.keys() <= known for result in results)


def test_a_record_with_versions_comes_back_and_its_numbers_do_not_depend_on_them(make_result):
    result = make_result(metrics={"kl": 1.0}, metric_versions={"kl": "1", "ppl": "1"})
    assert schema.parse(schema.dump(result), "it").result == result
    assert result.numbers == dataclasses.replace(result, metric_versions={}).numbers


def test_metrics_that_are_registered_here_are_the_definitions_of_here(tmp_path, registers):
    path = tmp_path / "mine.py"
    path.write_text(
        "from fmnbench.registry import metrics\n\n\n@metrics.register('mine', version=7)\n"
        "def mine(evaluation):\n    '''One.'''\n    return 1.0\n"
    )
    load_plugin(path)
    here = Definitions.here()
    assert here.versions.keys() == set(metrics.names()) > FIRST.keys()
    assert here.versions["mine"] == metrics.version("mine") != "7"
    assert "mine" not in here.moved
    path.write_text(path.read_text() + "# edited\n")
    assert Definitions.here().versions["mine"] != here.versions["mine"]


def test_what_built_in_metrics_say_that_they_moved_is_a_version_and_kinds_of_data():
    kinds = {entry.attributes["kind"] for entry in datasets.entries()}
    assert kinds == {"vectors", "images", "texts"}
    here = Definitions.here()
    for name, moved in here.moved.items():
        assert set(moved) <= set(range(2, int(here.versions[name]) + 1))
        assert all(0 < len(set(each)) <= len(kinds) for each in moved.values())
        assert all(set(each) <= kinds for each in moved.values())


def test_a_dataset_that_declares_another_kind_than_its_rows_have_is_found(registers):
    assert check_dataset("toy") is None
    datasets.register("told", kind="images")(datasets.get("toy"))
    with pytest.raises(AssertionError, match="told is declared as images; its rows are vectors"):
        check_dataset("told", rows_per_class=500)
