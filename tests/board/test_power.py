"""The seeds that would decide an open contrast, and what they cost."""

import json

import pytest

from fmnbench.board import boards
from fmnbench.board.power import needs
from fmnbench.board.verdicts import MARGINS, deciding_seeds, sample
from fmnbench.records.store import Store

VAE = (30.0, 31.0, 32.5)
OPEN, WORSE = (28.5, 31.0, 29.5), (50.0, 51.0, 50.5)


def rows(row, seconds=(60.0, 180.0), worse=True):
    """A VAE, a row that is open beside it, and one that is worse."""
    made = row(dict(enumerate(VAE)), provenance={"seconds": seconds[0]})
    made += row(
        dict(enumerate(OPEN)), critic="self", lambda_=1.0, provenance={"seconds": seconds[1]}
    )
    if worse:
        made += row(dict(enumerate(WORSE)), critic="neural", lambda_=1.0)
    return made


def test_an_open_contrast_says_its_seeds_and_what_they_cost(row):
    results = rows(row)
    (need,) = needs(boards(results), results)
    expected = expected_seeds(OPEN, VAE)
    assert (need.track, need.row, need.metric) == ("toy-mlp", "self λ=1", "nll")
    assert (need.has, need.seeds, need.runs) == (3, expected, 2 * (expected - 3))
    assert need.difference == pytest.approx(sum(OPEN) / 3 - sum(VAE) / 3)
    # a run of the row takes three minutes, one of the VAE one
    assert need.seconds == pytest.approx((expected - 3) * 240.0)


def expected_seeds(ours, theirs):
    return deciding_seeds(sample(ours), sample(theirs), MARGINS["nll"])


def test_what_is_decided_is_not_in_it(row):
    results = rows(row)
    assert [need.row for need in needs(boards(results), results)] == ["self λ=1"]
    decided = [each for each in results if each.spec.critic != "self"]
    assert needs(boards(decided), decided) == []


def test_the_cheapest_comes_first_and_what_no_number_of_seeds_decides_last(row):
    dear = rows(row, seconds=(6000.0, 6000.0), worse=False)
    cheap = [
        each
        for values, fields in (
            (VAE, {}),
            (OPEN, {"critic": "self", "lambda_": 1.0}),
            ((20.0, 31.0, 42.505), {"critic": "neural", "lambda_": 1.0}),
        )
        for each in row(dict(enumerate(values)), track={"name": "zoo"}, **fields)
    ]
    found = needs(boards(dear + cheap), dear + cheap)
    assert [(need.track, need.row) for need in found] == [
        ("zoo", "self λ=1"),
        ("toy-mlp", "self λ=1"),
        ("zoo", "neural λ=1"),
    ]
    assert (found[-1].seeds, found[-1].runs, found[-1].seconds) == (None, None, None)


def test_a_record_without_a_time_leaves_the_cost_open(row):
    results = rows(row, seconds=(0.0, 60.0), worse=False)
    (need,) = needs(boards(results), results)
    assert need.seconds is None
    assert need.seeds > 3


def test_one_seed_and_a_table_without_a_vae_have_no_contrast(row):
    one = row({0: 30.0}) + row({0: 29.0}, critic="self")
    assert needs(boards(one), one) == []
    results = [each for each in rows(row) if each.spec.critic != "none"]
    assert needs(boards(results), results) == []


def test_the_command_shows_one_table_in_each_format(row, tmp_path, fmnbench):
    store = Store(tmp_path / "records")
    for result in rows(row):
        store.save(result)
    words = ["report", "--store", store.folder, "--power"]
    seeds = expected_seeds(OPEN, VAE)
    minutes = (seeds - 3) * 4
    done = fmnbench(*words)
    assert done.code == 0
    assert (
        "| track | method | metric | Δ (nats) | seeds | would decide | runs | time |" in done.out
    )
    (line,) = [line for line in done.out.splitlines() if line.startswith("| toy")]
    assert line.endswith(f"| 3 | {seeds} | {2 * (seeds - 3)} | {minutes:.1f} min |")
    (found,) = json.loads(fmnbench(*words, "--format", "json").out)
    assert (found["row"], found["seeds"]) == ("self λ=1", seeds)
    assert found["seconds"] == pytest.approx((seeds - 3) * 240.0)
    assert "would decide" in fmnbench(*words, "--format", "rich").out
    wrong = fmnbench(*words, "--format", "csv")
    assert wrong.code == 2
    assert "--power has no format 'csv'; it has rich (on the screen), markdown, json." in wrong.err


def test_a_file_is_written_and_a_decided_board_says_so(row, tmp_path, fmnbench):
    store = Store(tmp_path / "records")
    for result in rows(row):
        if result.spec.critic != "self":
            store.save(result)
    path = tmp_path / "power.md"
    done = fmnbench("report", "--store", store.folder, "--power", "--out", path)
    assert (done.code, done.out) == (0, "")
    assert "No contrast with the VAE is open." in path.read_text()
