"""The Optuna database mirrors the records; it can be lost, and another one used."""

import shutil

import optuna
import pytest

from fmnbench.tune.mirror import DATABASE

DIGITS = ["tune", "--critic", "self", "--dataset", "digits"]
NAME = "self on digits-mlp, front, 1 seeds"


@pytest.fixture
def store(tmp_path):
    return tmp_path / "results"


def trials(url):
    return optuna.load_study(study_name=NAME, storage=url).get_trials()


def test_the_database_has_each_trial_once_with_its_numbers_and_how_it_ended(
    fmnbench, made_up, store, tmp_path
):
    made_up.ending = staticmethod(lambda spec: "failed" if spec.lambda_ > 50 else "done")
    assert fmnbench(*DIGITS, "--trials", "8", "--store", store).code == 0
    assert fmnbench(*DIGITS, "--trials", "9", "--store", store).code == 0
    found = trials(f"sqlite:///{tmp_path / 'tuning' / DATABASE}")
    assert len(found) == 9
    states = {trial.params["lambda"]: trial.state.name for trial in found}
    assert states[100.0] == "FAIL"
    assert states[0.1] == "COMPLETE"
    (first,) = [trial for trial in found if trial.params["lambda"] == 0.1]
    assert first.values == pytest.approx([101.693, 0.0953], abs=1e-3)
    assert first.user_attrs == {"status": "done", "flags": []}


def test_a_lost_database_is_made_again_from_the_records(fmnbench, made_up, store, tmp_path):
    fmnbench(*DIGITS, "--trials", "7", "--store", store)
    (tmp_path / "tuning" / DATABASE).unlink()
    done = fmnbench(*DIGITS, "--trials", "7", "--store", store)
    assert done.code == 0
    assert len(made_up.ran) == 8
    assert len(trials(f"sqlite:///{tmp_path / 'tuning' / DATABASE}")) == 7


def test_a_database_that_says_otherwise_than_the_records_is_made_anew(
    fmnbench, made_up, store, tmp_path
):
    url = f"sqlite:///{tmp_path / 'tuning' / DATABASE}"
    made_up.ending = staticmethod(lambda spec: "failed" if spec.lambda_ == 10.0 else "done")
    fmnbench(*DIGITS, "--trials", "8", "--store", store)
    shutil.rmtree(tmp_path / "tuning" / "digits-mlp")
    made_up.ending = staticmethod(lambda spec: "done")
    fmnbench(*DIGITS, "--trials", "7", "--store", store)
    found = trials(url)
    assert {trial.state.name for trial in found} == {"COMPLETE"}
    assert len(found) == 7


def test_another_scale_of_the_range_makes_the_database_anew(fmnbench, made_up, store, tmp_path):
    assert fmnbench(*DIGITS, "--trials", "3", "--store", store).code == 0
    linear = ["--space", "lambda=linear:0.1:100", "--trials", "5"]
    assert fmnbench(*DIGITS, *linear, "--store", store).code == 0
    found = trials(f"sqlite:///{tmp_path / 'tuning' / DATABASE}")
    assert len(found) == 5
    assert not any(trial.distributions["lambda"].log for trial in found)


def test_a_storage_of_the_user_s_is_used(fmnbench, made_up, store, tmp_path):
    url = f"sqlite:///{tmp_path / 'mine.db'}"
    assert fmnbench(*DIGITS, "--trials", "2", "--storage", url, "--store", store).code == 1
    assert len(trials(url)) == 2
    assert not (tmp_path / "tuning" / DATABASE).exists()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("nonsense://x", "Can't load plugin: sqlalchemy.dialects:nonsense."),
        ("sqlite:////no/such/folder/x.db", "unable to open database file."),
        ("postgresql+psycopg://u@127.0.0.1:1/x", "Connection refused."),
        ("mysql+absent_driver://u@127.0.0.1/x", "mysql.absent_driver."),
        ("oracle+cx_oracle://u@127.0.0.1/x", "not installed: No module named 'cx_Oracle'."),
        ("x", "Could not parse SQLAlchemy URL from given URL string."),
        ("", "Could not parse SQLAlchemy URL from given URL string."),
    ],
)
def test_a_storage_that_cannot_be_reached_is_one_clear_line(fmnbench, made_up, store, url, reason):
    done = fmnbench(*DIGITS, "--storage", url, "--store", store)
    assert done.code == 2
    assert done.complaint.startswith(f"error: --storage '{url}' cannot be used: ")
    assert done.complaint.endswith(reason)
    assert made_up.ran == []


def test_no_password_of_a_storage_is_shown(fmnbench, made_up, store):
    url = "postgresql+psycopg://u:secret@127.0.0.1:1/x"
    done = fmnbench(*DIGITS, "--storage", url, "--store", store)
    assert "u:***@127.0.0.1:1/x" in done.complaint
    assert "secret" not in done.complaint


def test_time_starts_nothing_that_would_end_later(fmnbench, made_up, store):
    # a made-up run says that it took 10 seconds; before the first one nothing is known
    done = fmnbench(*DIGITS, "--trials", "7", "--time", "9s", "--jobs", "1", "--store", store)
    assert made_up.batches == [1]
    assert done.err.endswith("Stopped with 7 trials left; the same command goes on.\n")
    assert "0 trials of 7 of self" in done.out
    assert done.code == 1
    fmnbench(*DIGITS, "--trials", "7", "--time", "25s", "--jobs", "1", "--store", store)
    assert made_up.batches[:2] == [1, 2]
    fmnbench(*DIGITS, "--trials", "7", "--time", "2h", "--jobs", "1", "--store", store)
    assert len(made_up.ran) == 8
    wrong = fmnbench(*DIGITS, "--time", "soon", "--store", store)
    assert (wrong.code, wrong.complaint.startswith("error: --time is 'soon'; it must")) == (
        2,
        True,
    )
