"""Information by epoch: the numbers of the figure, and where a report shows it."""

import dataclasses
import math
import os
import subprocess
import sys

import pytest
from curve_records import only, the_board

from fmnbench.board import boards
from fmnbench.records.store import Store
from fmnbench.report import Options, render
from fmnbench.report.figures import information_figure
from fmnbench.report.figures.base import METHODS, Look
from fmnbench.report.figures.captions import INFORMATION, file_name, information
from fmnbench.report.figures.information import Curve, curves

LINK = "![information by epoch](figures/toy-mlp/information.svg)"


def test_a_curve_is_the_mean_and_the_range_of_the_seeds_in_each_validated_epoch(curve_results):
    assert curves(the_board(curve_results, seeds=range(3)), curve_results)[0] == Curve(
        label="VAE",
        look=Look(color=METHODS["VAE"][0], marker="o", style="-", fill="full"),
        seeds=(0, 1, 2),
        epochs=(3.0, 6.0),
        mean=(3.0, 3.0),
        lowest=(1.0, 2.0),
        highest=(6.0, 4.0),
    )


def test_only_done_runs_are_drawn(curve_results):
    found = {curve.label: curve for curve in curves(the_board(curve_results), curve_results)}
    assert (found["self λ=20"].seeds, found["self λ=20"].mean) == ((0,), (5.0, 6.5))
    failed = [result for result in curve_results if result.status != "done"]
    assert curves(the_board(failed), failed) == []


def test_where_a_seed_stopped_the_others_go_on_one_by_one(curve_run):
    long, short = {2: 1.0, 4: 2.0, 6: 5.0, 8: 7.0}, {2: 3.0, 4: 4.0}
    found = [curve_run(long, 0), curve_run(short, 1), curve_run({**short, 6: 9.0}, 2)]
    curve = only(curves(the_board(found), found))
    assert curve.epochs == (2.0, 4.0)
    assert curve.mean == pytest.approx((7 / 3, 10 / 3), rel=1e-15)  # the last bit may differ
    assert curve.tails == ({4.0: 2.0, 6.0: 5.0, 8.0: 7.0}, {4.0: 4.0, 6.0: 9.0})


def test_seeds_that_share_no_epoch_have_no_mean_and_are_drawn_whole(curve_run):
    found = [curve_run({2: 1.0}, 0), curve_run({3: 2.0}, 1)]
    curve = only(curves(the_board(found), found))
    assert (curve.epochs, curve.mean, curve.tails) == ((), (), ({2.0: 1.0}, {3.0: 2.0}))
    assert information_figure(the_board(found), found)


def test_curves_stand_in_the_order_of_the_board(curve_results):
    tasks = [curve_results[3].spec.task, curve_results[0].spec.task]
    board = the_board(curve_results, expected={"toy-mlp": tasks})
    labels = [curve.label for curve in curves(board, curve_results)]
    assert labels == ["self λ=20", "VAE", "neural λ=20"]


def test_a_row_of_older_data_is_compared_with_nothing_and_not_drawn(curve_run):
    old = {"dataset_fingerprint": "cd" * 8, "provenance": {"started": "2025-01-01"}}
    found = [curve_run({1: 1.0}), curve_run({1: 2.0}, **old)]
    board = the_board(found)
    assert [row.stale for row in board.rows] == [False, True]
    assert [curve.mean for curve in curves(board, found)] == [(1.0,)]


def test_what_was_never_validated_or_has_no_latent_has_no_figure(curve_run):
    for found in ([curve_run({})], [curve_run({1: 1e-16, 2: -1e-16}, kl=0.0)]):
        assert information_figure(the_board(found), found) is None
    collapsed = [curve_run({1: 0.01}, kl=1e-9)]
    assert information_figure(the_board(collapsed), collapsed)


def test_a_collapsed_row_is_drawn_beside_one_that_is_not(curve_run):
    found = [curve_run({1: 0.0}, kl=0.0), curve_run({1: 2.0}, critic="self", lambda_=1.0)]
    assert [curve.mean for curve in curves(the_board(found), found)] == [(0.0,), (2.0,)]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e308])
def test_what_is_no_information_is_left_out(curve_run, value):
    found = [curve_run({1: 1.0, 2: value, 3: 4.0})]
    assert only(curves(the_board(found), found)).epochs == (1.0, 3.0)


@pytest.mark.parametrize("epoch", [0.0, -1.0, math.nan, 1e300])
def test_an_epoch_that_the_track_has_not_is_left_out(curve_run, epoch):
    odd = {"epoch": epoch, "validation.mi_batch": 9.0, "validation.kl": 1.0}
    whole = curve_run({1: 1.0})
    found = [dataclasses.replace(whole, curve=(*whole.curve, odd))]
    assert only(curves(the_board(found), found)).epochs == (1.0,)


def test_a_caption_has_the_seeds_and_the_ceiling(curve_results):
    text = information(the_board(curve_results, seeds=range(3)))
    assert "log batch size = log 1024 = 6.93" in text
    assert "mean over n = 3 seeds (0, 1, 2)" in text
    assert "values of n = 1 seed (0)." in information(the_board(curve_results[:1]))


def test_two_tracks_of_one_name_have_two_figures(curve_run):
    found = [curve_run({1: 1.0}), curve_run({1: 1.0}, track={"epochs": 7})]
    one, other = boards(found)
    names = [file_name(board, INFORMATION) for board in (one, other)]
    assert names[0] != names[1]
    assert file_name(the_board(found[:1]), INFORMATION) == "information.svg"
    text = render([one, other], "markdown", Options(figures={f"toy-mlp/{names[0]}": "one.svg"}))
    first, second = text.split("\n## ")[1:3]
    assert first.count("(one.svg)") == 1
    assert ".svg" not in second


def test_a_figure_and_pages_of_texts_stand_below_their_table_once(curve_results):
    key = curve_results[0].spec.key
    options = Options(
        figures={"toy-mlp/information.svg": "f/a b.svg", "other/information.svg": "no.svg"},
        texts={key: "f/c d.md", "0" * 16: "no.md", curve_results[1].spec.key: "second-seed.md"},
    )
    both = [*boards(curve_results), *boards(curve_results, "as-published")]
    text = render(both, "markdown", options)
    assert text.count("![information by epoch](f/a%20b.svg)\n") == 1
    assert text.count("\nInformation by epoch: at most log batch size") == 1
    assert text.count("\nGenerated texts: [VAE](f/c%20d.md)\n") == 1
    page = render(both, "html", options)
    assert page.count('<img src="f/a%20b.svg" alt="information by epoch">') == 1
    assert page.count("<figcaption>at most log batch size") == 1
    assert page.count('Generated texts: <a href="f/c%20d.md">VAE</a></p>') == 1
    for whole in (text, page):
        assert "no.svg" not in whole
        assert "no.md" not in whole
        assert "second-seed" not in whole


def test_pages_of_several_methods_stand_in_one_line(curve_results):
    pages = {curve_results[0].spec.key: "a.md", curve_results[3].spec.key: "b.md"}
    text = render(boards(curve_results), "markdown", Options(texts=pages))
    assert "Generated texts: [VAE](a.md) · [self λ=20](b.md)\n" in text
    page = render(boards(curve_results), "html", Options(texts=pages))
    assert '<a href="a.md">VAE</a> · <a href="b.md">self λ=20</a></p>' in page


@pytest.fixture
def store(curve_results, tmp_path):
    store = Store(tmp_path / "results")
    for result in curve_results:
        store.save(result)
    return store


def test_a_report_draws_figures_when_asked_and_shows_them_from_then_on(
    store, curve_results, fmnbench
):
    path = store.folder.parent / "figures" / "toy-mlp" / "information.svg"
    assert LINK not in fmnbench("report", "--store", store.folder).out
    done = fmnbench("report", "--store", store.folder, "--pictures")
    assert (done.code, done.err) == (0, "")
    assert path.read_text() == information_figure(the_board(curve_results), curve_results)
    assert done.out.count(LINK) == 1
    assert fmnbench("report", "--store", store.folder).out == done.out
    page = fmnbench("report", "--store", store.folder, "--format", "html").out
    assert page.count('<img src="figures/toy-mlp/information.svg"') == 1


def test_a_page_of_texts_is_linked_where_it_is_there(store, curve_results, fmnbench):
    key = curve_results[0].spec.key
    page = store.folder.parent / "figures" / "toy-mlp" / f"{key}.md"
    page.parent.mkdir(parents=True)
    page.write_text("a text")
    line = f"Generated texts: [VAE](figures/toy-mlp/{key}.md)\n"
    done = fmnbench("report", "--store", store.folder)
    assert done.out.count(line) == 1
    assert "![" not in done.out  # a page is no picture


def test_a_figure_is_drawn_anew_each_time_and_goes_with_its_records(
    store, curve_results, fmnbench
):
    path = store.folder.parent / "figures" / "toy-mlp" / "information.svg"
    fmnbench("report", "--store", store.folder, "--pictures")
    path.write_text("old")
    other = path.with_name("of another.svg")
    other.write_text("kept")
    fmnbench("report", "--store", store.folder, "--pictures")
    assert path.read_text() == information_figure(the_board(curve_results), curve_results)
    for result in curve_results:
        if result.status == "done":
            store.remove(store.path("toy-mlp", result.spec.key))
    for _ in range(2):
        done = fmnbench("report", "--store", store.folder, "--pictures")
        assert (done.code, done.err) == (0, "")
        assert "information.svg" not in done.out
    assert not path.exists()
    assert other.read_text() == "kept"


def test_a_figure_that_cannot_be_written_is_one_clear_line(store, fmnbench):
    (store.folder.parent / "figures").write_text("a file")
    done = fmnbench("report", "--store", store.folder, "--pictures")
    assert done.code == 2
    assert done.complaint.endswith(".svg' cannot be written: Not a directory.")


def in_a_new_process(*arguments, **environment):
    paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", *arguments],
        capture_output=True,
        check=True,
        env={**os.environ, **paths, **environment},
    )


REPORT = """
import sys
for name in sys.argv[2:]:
    sys.modules[name] = None  # as if it were not installed
from fmnbench.cli.main import main
try:
    main(["report", "--store", *sys.argv[1].split("|")])
except SystemExit as ended:
    print(ended.code, "matplotlib" in sys.modules, file=sys.stderr)
"""


def test_a_report_without_pictures_does_not_wait_for_matplotlib(store):
    done = in_a_new_process(REPORT, str(store.folder))
    assert done.stderr.decode().split() == ["0", "False"]
    assert b"## toy-mlp" in done.stdout


def test_without_matplotlib_pictures_are_refused_in_one_line(store):
    done = in_a_new_process(REPORT, f"{store.folder}|--pictures", "matplotlib")
    complaint, ending = done.stderr.decode().splitlines()
    assert complaint == "error: --pictures needs matplotlib, which is not installed."
    assert ending.startswith("2 ")
