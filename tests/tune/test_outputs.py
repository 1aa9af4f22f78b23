"""What a study leaves: files that say the same as its records, and rows that a board marks."""

import json
import re

import pandas as pd
import pytest
from made_up_runs import MadeUp

from fmnbench.board import boards
from fmnbench.planning.plan import Selection, tasks
from fmnbench.planning.suite import relations
from fmnbench.planning.suite_file import all_suites, load_suite
from fmnbench.records.store import Store
from fmnbench.runs.executors.base import EXECUTORS
from fmnbench.spec import Task, digest
from fmnbench.tune import study as study_from_python
from fmnbench.tune.figure import LABELS, front_figure
from fmnbench.tune.outputs import write, written
from fmnbench.tune.places import choices
from fmnbench.tune.search import study_of
from fmnbench.tune.summary import summary

DIGITS = ["tune", "--critic", "self", "--dataset", "digits"]
EIGHT = [*DIGITS, "--trials", "8", "--seeds", "2"]
TRACK = "digits-mlp"


@pytest.fixture
def store(tmp_path):
    return tmp_path / "results"


@pytest.fixture
def own(tmp_path, fmnbench, made_up, store):
    """Returns the folder of a study of eight trials with two seeds, which a test may change."""
    assert fmnbench(*EIGHT, "--store", store).code == 0
    return tmp_path / "tuning" / TRACK / "self"


@pytest.fixture(scope="module")
def kept(tmp_path_factory, exit_code):
    """Returns the store of the same study, made once."""
    place = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(EXECUTORS, "local", "made_up_runs:MadeUp")
        patch.setattr(MadeUp, "ran", [])
        assert exit_code(*EIGHT, "--store", place / "results") == 0
    return place / "results"


@pytest.fixture
def folder(kept):
    """Returns the folder of that study, to be read."""
    return kept.parent / "tuning" / TRACK / "self"


def test_no_file_of_a_study_holds_the_folder_that_it_lies_in(kept, folder):
    (found,) = written(kept)
    assert found.suite == str(folder / "choice.toml")
    holds = [
        path.name for path in folder.iterdir() if str(kept.parent).encode() in path.read_bytes()
    ]
    assert holds == []


def test_a_study_leaves_its_choice_its_trials_its_summary_and_its_figure(folder):
    assert {path.name for path in folder.iterdir() if path.name[0] != "."} == {
        "choice.toml",
        "front.png",
        "front.svg",
        "study.json",
        "trials.csv",
    }
    svg = (folder / "front.svg").read_text()
    assert svg.startswith("<?xml")
    assert "self on digits-mlp" in svg
    assert (folder / "front.png").read_bytes().startswith(b"\x89PNG")


def test_the_table_of_trials_has_the_plain_vae_first_and_marks_the_front_and_the_choice(folder):
    table = pd.read_csv(folder / "trials.csv")
    assert len(table) == 9
    assert list(table.method) == ["VAE"] + ["self"] * 8
    assert pd.isna(table["lambda"][0])
    assert table.chosen.sum() == 1
    chosen = table[table.chosen].iloc[0]
    assert chosen["lambda"] == 10.0
    assert set(table[table.front]["lambda"]) == set(table["lambda"][table["lambda"] > 2])
    assert chosen.nll_minus_vae == pytest.approx(chosen.nll - table.nll[0])


def test_the_same_records_give_the_same_bytes_and_are_not_drawn_again(own, fmnbench, store):
    before = {path.name: path.read_bytes() for path in own.iterdir()}
    assert len(before) == 6  # with a lock
    drawn = own / "front.svg"
    drawn.write_text("an old one")
    fmnbench(*EIGHT, "--store", store)
    assert drawn.read_text() == "an old one"
    (own / "trials.csv").unlink()
    fmnbench(*EIGHT, "--store", store)
    assert {path.name: path.read_bytes() for path in own.iterdir()} == before
    for path in own.iterdir():
        path.unlink()
    fmnbench(*EIGHT, "--store", store)
    assert {path.name: path.read_bytes() for path in own.iterdir()} == before


def test_a_long_front_names_some_of_its_trials_and_both_ends(define, made_up, tmp_path):
    study = define(trials=60)
    weights = [study.space[0].tidy(2.1 * 45 ** (place / 59)) for place in range(60)]
    specs = [*study.baseline, *(study.specs({"lambda": weight})[0] for weight in weights)]
    store = Store(tmp_path)
    results = {spec.key: made_up().run(spec, store, lambda _event: None) for spec in specs}
    found = summary(study_of(study, results))
    front = [f"{found.trials[place].values['lambda']:g}" for place in found.front]
    assert len(front) > 30
    texts = re.findall("<!-- (.*) -->", front_figure(found, "svg").decode())
    named = {*front} & {*texts}
    assert 6 < len(named) <= LABELS
    assert {min(front, key=float), max(front, key=float)} <= named


def test_a_choice_names_the_hash_of_the_records_that_it_rests_on(folder):
    (comparison,) = load_suite(str(folder / "choice.toml")).comparisons
    results, _ = Store(folder.parent / "records").results()
    assert comparison.tuned.records == digest(sorted(result.numbers for result in results))


def test_show_prints_every_study_or_those_of_a_track(folder, fmnbench, kept):
    done = fmnbench("tune", "--show", "--store", kept)
    assert done.code == 0
    assert "self on digits-mlp: the front on the validation split" in done.out
    assert "Chosen: λ = 10: " in done.out
    assert fmnbench("tune", "--show", TRACK, "--store", kept).out == done.out
    (study,) = json.loads(fmnbench("tune", "--show", "--json", "--store", kept).out)
    kept_there = json.loads((folder / "study.json").read_text())
    assert study == {**kept_there, "suite": str(folder / "choice.toml")}
    wrong = fmnbench("tune", "--show", "digits-mpl", "--store", kept)
    assert (wrong.code, "Did you mean 'digits-mlp'?" in wrong.complaint) == (2, True)
    none = fmnbench("tune", "--show", "--store", kept / "else" / "results")
    assert (none.code, "There is no study beside" in none.complaint) == (2, True)
    stray = fmnbench("tune", TRACK, "--critic", "self", "--dataset", "digits", "--store", kept)
    assert (stray.code, "goes with --show" in stray.complaint) == (2, True)


def test_a_damaged_summary_is_named(own, fmnbench, store):
    (own / "study.json").write_text("{}")
    done = fmnbench("tune", "--show", "--store", store)
    assert done.code == 1
    assert "study.json: it is no summary of a study" in done.complaint


def test_run_tuned_plans_the_choices_and_the_plain_vae(made_up, fmnbench, kept):
    done = fmnbench("run", "--tuned", "--seeds", "3", "--dry-run", "--store", kept)
    assert done.code == 0
    rows = [re.split(r"\s{2,}", line)[:3] for line in done.out.splitlines()[1:3]]
    assert rows == [[TRACK, "VAE", "0-2"], [TRACK, "self λ=10", "0-2"]]
    of_self = fmnbench("run", "--tuned", "--critic", "self", "--dry-run", "--store", kept)
    assert len([line for line in of_self.out.splitlines() if line.startswith(TRACK)]) == 1


def test_run_tuned_without_a_choice_is_refused(made_up, fmnbench, kept, tmp_path):
    done = fmnbench("run", "--tuned", "--critic", "neural", "--store", kept)
    assert (done.code, done.complaint.startswith("error: There is no choice of neural")) == (
        2,
        True,
    )
    done = fmnbench("run", "--tuned", "--store", tmp_path / "other" / "results")
    assert done.code == 2
    assert "There is no choice beside" in done.complaint
    assert "`fmnbench tune` makes one" in done.complaint


def test_a_board_marks_the_tuned_row_and_puts_it_beside_the_suite_s(make_result, kept):
    (quick,) = [each for each in load_suite("quick").comparisons if each.track.name == TRACK]
    rows = list(quick.tasks())
    chosen = Task(track=quick.track, critic="self", lambda_=10.0)

    def result(task, value):
        fields = {name: each for name, each in vars(task).items() if name != "track"}
        return make_result(track=vars(task.track), metrics={"nll": value}, **fields)

    tuned = [load_suite(str(path), for_runs=False) for path in choices(kept)]
    known = relations([*all_suites(for_runs=False), *tuned])
    results = [result(task, 20.0 + place) for place, task in enumerate([*rows, chosen])]
    (board,) = boards(results, expected={TRACK: rows}, relations=known)
    labels = [row.label for row in board.rows]
    assert labels.index("self λ=10") == labels.index("self λ=1") + 1
    marked = [row for row in board.rows if any("tuned" in board.notes[n - 1] for n in row.notes)]
    assert [row.label for row in marked] == ["self λ=10"]
    (note,) = [note for note in board.notes if "tuned" in note]
    assert note == (
        "tuned: chosen on validation rows out of 8 trials with 2 seeds of tuning (goal front, "
        "margin 0.5 nats); the plain VAE had 1 trial"
    )
    plain = boards(results, expected={TRACK: rows})
    assert not any("tuned" in note for note in plain[0].notes)


@pytest.mark.parametrize(
    "track",
    [each.track for suite in all_suites() for each in suite.comparisons if not each.superseded],
    ids=lambda track: track.name,
)
def test_a_choice_on_any_track_of_the_suites_names_that_very_track(track, define, tune, tmp_path):
    (row,) = {
        each.row: each
        for each in tasks(Selection(tracks=[track.name], critics=["self"], lambdas=[3.0]))
    }.values()
    records = tmp_path / "tuning" / track.name / "records"
    write(tune(define(trials=3, task=row), records), tmp_path / "results")
    (path,) = choices(tmp_path / "results")
    (comparison,) = load_suite(str(path)).comparisons
    assert comparison.track == row.track == track
    assert list(comparison.tasks())[-1].critic_settings == row.critic_settings


def test_python_gives_the_same_study_as_plain_values(made_up, own, store):
    found = study_from_python(track=TRACK, critic="self", trials=8, seeds=2, store=store, jobs=1)
    (shown,) = written(store)
    assert found == shown
    assert found.choice.values == {"lambda": 10.0}
    assert list(found.frame[found.frame.chosen]["lambda"]) == [10.0]
    assert len(made_up.ran) == 2 * (1 + 8)
