"""Studies in a PostgreSQL server, as `.ci/postgres` starts one: shared, remade, taken away."""

import os
import subprocess
import sys
import uuid

import optuna
import pytest
import sqlalchemy

from fmnbench.records.store import Store

pytestmark = pytest.mark.engine
SERVER = "FMNBENCH_TEST_POSTGRESQL"
DIGITS = ["tune", "--critic", "self", "--dataset", "digits"]


@pytest.fixture
def database():
    """Returns the URL of a new database and a function that drops it under its users' feet."""
    url = os.environ.get(SERVER)
    if url is None:
        pytest.skip(f"{SERVER} names no PostgreSQL server; .ci/postgres starts one")
    name = f"fmnbench_{uuid.uuid4().hex}"
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")

    def execute(statement):
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text(statement))

    def drop():
        execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    execute(f"CREATE DATABASE {name}")
    try:
        yield sqlalchemy.make_url(url).set(database=name).render_as_string(False), drop
    finally:
        drop()
        engine.dispose()


def trials(url):
    storage = optuna.storages.RDBStorage(url)
    try:
        (study,) = optuna.get_all_study_summaries(storage)
        return optuna.load_study(study_name=study.study_name, storage=storage).get_trials()
    finally:
        storage.engine.dispose()


def test_a_study_in_postgresql_goes_on_and_has_each_trial_once_with_its_numbers(
    fmnbench, made_up, database, tmp_path
):
    url, _ = database
    store = tmp_path / "results"
    for count in ("8", "8", "11"):
        words = ["--trials", count, "--storage", url, "--store", store]
        assert fmnbench(*DIGITS, *words).code == 0
    found = trials(url)
    weights = [trial.params["lambda"] for trial in found]
    assert len(weights) == len({*weights}) == 11
    (first,) = [trial for trial in found if trial.params["lambda"] == 0.1]
    assert first.values == pytest.approx([101.693, 0.0953], abs=1e-3)
    assert not (tmp_path / "tuning" / "optuna.db").exists()


def test_a_server_that_goes_away_stops_no_study_and_gets_later_what_it_lacks(
    fmnbench, made_up, database, tmp_path
):
    url, drop = database
    words = ["--trials", "8", "--storage", url, "--store", tmp_path / "results"]

    def ending(spec):
        if spec.lambda_ == 100.0:
            drop()
        return "done"

    made_up.ending = staticmethod(ending)
    done = fmnbench(*DIGITS, *words)
    assert done.code == 1
    assert len(made_up.ran) == 1 + 8
    assert "Chosen: λ = 10" in done.out
    (line,) = [line for line in done.err.splitlines() if "--storage" in line]
    assert "cannot be used" in line
    assert line.endswith("The next tune adds what is missing there.")


@pytest.mark.slow
def test_two_tuners_share_a_study_in_postgresql_without_a_double_trial(database, tmp_path):
    url, _ = database
    words = ["--epochs", "1", "--trials", "9", "--jobs", "1", "--json", "--storage", url]
    command = [sys.executable, "-m", "fmnbench", *DIGITS, *words]
    both = [
        subprocess.Popen(
            [*command, "--store", tmp_path / "results"], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    outs = [each.communicate(timeout=300)[0] for each in both]
    assert outs[0] == outs[1] != ""
    results, errors = Store(tmp_path / "tuning" / "digits-mlp+epochs=1" / "records").results()
    assert errors == []
    assert len(results) == 1 + 9
    assert all(result.history == () for result in results)
    weights = [trial.params["lambda"] for trial in trials(url)]
    assert len(weights) == len({*weights}) == 9
    assert {*weights} == {r.spec.lambda_ for r in results} - {0.0}
