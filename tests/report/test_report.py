import csv
import io
import json
import re

import pytest

from fmnbench.board import boards
from fmnbench.board.published import Published
from fmnbench.errors import UsageError
from fmnbench.report import FORMATS, Options, frame, render
from fmnbench.report.base import mean_std

GOLDEN = """\
# Leaderboard

`fmnbench report` generates this page from the linked records.

## toy-mlp

Held fixed: dataset toy; architecture mlp; 30 epochs; batch size 1024; adamw with learning rate \
0.0002; float64.

Mean (sample std) over n = 2 seeds (0, 1). Δ: difference from the VAE ± half of its 95 % Welch \
interval. Better, worse: at 5 % over all rows (Holm). Same: the 90 % interval lies within ± 0.5 \
(NLL) nats. Open: neither (in brackets the seeds of each row that are expected to decide it). ↓: \
lower is better; ↑: higher is better. —: a hole; no mean is taken over the remaining seeds.

| method | NLL ↓ (nats) | Δ NLL (nats) | KL (nats) | MI lower ↑ (nats) | MI upper (nats) \
| MI batch ↑ (nats) | AU ↑ | density ↑ | coverage ↑ | time (× VAE) | records by seed |
| :-- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | :-- |
| VAE | 144.00 (1.41) |  | — | — | — | — | 4.0 (0.0) | — | — | 1.00 | \
[0](results/toy-mlp/KEY0.json) [1](results/toy-mlp/KEY1.json) |
| neural λ=20 ¹ | — |  | — | — | — | — | — | — | — | — | \
[0](results/toy-mlp/KEY2.json) [1](results/toy-mlp/KEY3.json) |
| self λ=20 ² | 149.00 (1.41) | \\+5.00 ± 6.08 | — | — | — | — | 3.5 (0.7) | — | — | 1.50 | \
[0](results/toy-mlp/KEY4.json) [1](results/toy-mlp/KEY5.json) |
| *latent-free reference (n = 4)* | *148.50* |  |  |  |  |  |  |  |  |  |  |

1. neural λ=20: seed 0 diverged: loss is nan in epoch 3
2. the model has learned nothing with seed 1: its importance-weighted NLL does not beat the \
148.50 nats of the latent-free reference

NLL is importance-weighted with K = 500 samples. MI lower and MI upper bracket the mutual \
information between x and z over the whole test set; MI batch is the estimate within minibatches. \
Time is the training time (CPU time on a CPU) divided by that of the plain VAE. The latent-free \
reference is the best prediction without z; a model that does not beat it has learned nothing. \
Real against real: training rows replace the draws.
"""


@pytest.fixture
def results(make_result):
    """Returns a plain VAE, a critic that loses, and one that diverged: two seeds each."""
    found = []
    for seed, nll in enumerate([143.0, 145.0]):
        metrics = {"nll": nll, "au": 4.0, "reference.nll": 148.5}
        timings = {"train": 10.0, "train.processor": 10.0}
        found.append(make_result(seed=seed, metrics=metrics, timings=timings))
    error = "loss is nan in epoch 3"
    found.append(make_result(critic="neural", lambda_=20.0, status="diverged", error=error))
    found.append(make_result(critic="neural", lambda_=20.0, seed=1, metrics={"nll": 146.0}))
    for seed, nll in enumerate([148.0, 150.0]):
        metrics = {"nll": nll, "au": 3.0 + seed, "reference.nll": 148.5}
        timings = {"train": 16.0, "train.processor": 15.0}
        fields = {"critic": "self", "lambda_": 20.0, "seed": seed, "timings": timings}
        found.append(make_result(metrics=metrics, **fields))
    return found


def test_the_markdown_of_hand_made_records_is_this_text(results):
    expected = GOLDEN
    for index, result in enumerate(results):
        expected = expected.replace(f"KEY{index}", result.spec.key)
    assert render(boards(results), "markdown") == expected


def test_links_go_to_the_folder_that_is_asked_for(results):
    text = render(boards(results), "markdown", Options(links="../store"))
    key = results[0].spec.key
    assert f"[0](../store/toy-mlp/{key}.json)" in text


def test_every_format_says_so_when_there_are_no_records():
    assert "no records" in render([], "rich")
    assert "no records" in render([], "markdown")
    assert json.loads(render([], "json")) == []
    assert render([], "csv").count("\n") == 1
    assert len(frame([])) == 0


def test_an_unknown_format_is_named_with_the_nearest():
    with pytest.raises(UsageError, match=r"Unknown format 'markdwon'. Did you mean 'markdown'"):
        render([], "markdwon")


METRICS = (
    "nll kl mi_lower mi_upper mi_batch au density coverage nll_exact ppl "
    "reference.nll reference.density mi_ceiling mi_batch_ceiling"
)


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("color", [False, True])
def test_no_number_is_cut_and_no_line_is_too_long_on_a_terminal(make_result, width, color):
    values = {name: 123.456 + index for index, name in enumerate(METRICS.split())}
    critics = ["none", "a-critic-with-a-name-that-is-longer-than-its-column-can-be"]
    board = boards(
        [
            make_result(
                critic=critic,
                seed=seed,
                metrics={name: value + seed for name, value in values.items()},
                timings={"train": 1.0},
            )
            for critic in critics
            for seed in range(2)
        ]
    )
    text = render(board, "rich", Options(width=width, color=color))
    plain = re.sub(r"\x1b\[[\d;]*m", "", text)
    assert max(map(len, plain.split("\n"))) <= width
    assert "…" not in plain
    for index, metric in enumerate(METRICS.split()[:10]):
        if metric != "ppl":  # that of the mean NLL
            assert f"{123.956 + index:.{1 if metric == 'au' else 2}f}" in plain
    assert plain.count("(0.71)") == 2 * 8  # all but what a time and a perplexity have no std
    assert ("\x1b" in text) == color


def test_numbers_are_flush_right_and_a_table_in_parts_repeats_the_names(results):
    lines = render(boards(results), "rich", Options(width=200)).split("\n")
    inline = [line for line in lines if line.startswith(("VAE", "self"))]
    assert [line.index("(1.41)") for line in inline] == [inline[0].index("(1.41)")] * 2
    assert [len(line) for line in inline] == [len(inline[0])] * 2
    lines = render(boards(results), "rich", Options(width=50)).split("\n")
    assert len([line for line in lines if line.startswith("VAE ")]) == 3
    assert len([line for line in lines if line.startswith("latent-free")]) == 1


def test_bold_is_a_star_where_there_are_no_styles(results, make_result):
    for seed in range(2):
        results.append(make_result(critic="good", seed=seed, metrics={"nll": 100.0 + seed}))
    text = render(boards(results), "rich", Options(width=200))
    assert "*100.50 (0.71)" in text
    assert "*: a set that holds the best row of the column" in text
    styled = render(boards(results), "rich", Options(width=200, color=True))
    assert "*100.50" not in styled
    assert re.search(r"\x1b\[1m *100\.50 \(0\.71\)\x1b\[0m", styled)


@pytest.mark.parametrize(
    ("mean", "std", "text"),
    [
        (144.09, 12.59, "144.09 (12.59)"),
        (0.6912, 0.0931, "0.691 (0.093)"),
        (6.0678, 0.077124, "6.068 (0.077)"),
        (0.97123, 0.0031, "0.9712 (0.0031)"),
        (5.38, 0.15, "5.38 (0.15)"),
        (5.0, 0.0999, "5.000 (0.100)"),
        (0.0, 0.0, "0.00 (0.00)"),
        (64.29, 0.0, "64.29 (0.00)"),
        (-3.14159, 1.0, "-3.14 (1.00)"),
        (5.38, 1e-9, "5.3800 (<0.0001)"),
        (54321.98, 1234.56, "54322.0 (1234.6)"),
        (1.5e9, 2.5e8, "1.50e+09 (2.5e+08)"),
        (1.25e-7, 3e-8, "1.25e-07 (3.0e-08)"),
        (1e200, 1e100, "1.00e+200 (1.0e+100)"),
        (7.0, None, "7.00 "),
        (1e-9, None, "1.00e-09 "),
    ],
)
def test_a_std_has_two_digits_and_its_mean_the_same_decimals(mean, std, text):
    assert " ".join(mean_std(mean, std)) == text


def test_csv_has_one_line_per_row_and_metric_with_all_digits(results):
    lines = list(csv.DictReader(io.StringIO(render(boards(results), "csv"))))
    board = boards(results)[0]
    assert len(lines) == len(board.rows) * len(board.columns) + 1
    (cell,) = (line for line in lines if line["row"] == "VAE" and line["metric"] == "nll")
    assert float(cell["std"]) == board.rows[0].cells["nll"].std
    assert (cell["n"], cell["mean"], cell["bold"], cell["lambda"]) == (
        "2",
        "144.0",
        "False",
        "0.0",
    )
    (cell,) = (
        line for line in lines if line["row"] == "self λ=20" and line["metric"] == "delta.nll"
    )
    assert (cell["mean"], cell["half_width"][:4], cell["verdict"]) == ("5.0", "6.08", "")
    (hole,) = (line for line in lines if line["row"] == "neural λ=20" and line["metric"] == "nll")
    assert (hole["mean"], hole["n"]) == ("", "0")
    assert hole["hole"] == "seed 0 diverged: loss is nan in epoch 3"
    assert [line["mean"] for line in lines if line["kind"] == "reference"] == ["148.5"]


def test_a_frame_has_the_lines_of_the_csv(results):
    table = frame(boards(results))
    nll = table[(table["metric"] == "nll") & (table["kind"] == "method")]
    assert nll.set_index("row")["mean"].dropna().to_dict() == {"VAE": 144.0, "self λ=20": 149.0}


def test_json_holds_the_whole_board(results):
    (board,) = json.loads(render(boards(results), "json"))
    assert board["rows"][0]["cells"]["nll"]["mean"] == 144.0
    assert board["rows"][0]["records"]["0"] == results[0].spec.key
    assert board["notes"] == list(boards(results)[0].notes)
    assert board["track"]["learning_rate"] == 2e-4


@pytest.fixture
def compared(results):
    """Returns a board with one published value that ours is near to and one that it is not."""
    common = {"track": "toy-mlp", "objective": "elbo", "metric": "nll", "runs": 3}
    common |= {"std_kind": "population", "source": "Author (2000)", "table": "Table 9"}
    values = [
        Published(critic="none", lambda_=0.0, mean=144.5, std=0.0, estimator="x|y", **common),
        Published(critic="self", lambda_=20.0, mean=99.25, std=0.5, estimator="x|y", **common),
    ]
    return boards(results, published=values)


def test_published_values_stand_below_ours_with_the_difference_and_source(compared):
    text = render(compared, "markdown")
    assert "| *↳ published* | *144.5 (0.0)* -0.5 ± 12.7 |" in text
    assert "| *↳ published* | *99.25 (0.50)* +49.75 ± 8.45, order reversed |" in text
    source = "Published: Author (2000), Table 9, mean (population std) over 3 runs."
    assert source in text
    assert r"Definitions of the published metrics: NLL: x\|y." in text
    terminal = render(compared, "rich", Options(width=200))
    assert source in terminal
    assert "99.25 (0.50) +49.75" in terminal
    assert "Published:" not in render(boards([]), "markdown")


def test_published_values_are_in_the_csv(compared):
    lines = csv.DictReader(io.StringIO(render(compared, "csv")))
    found = [
        (line["row"], line["published_mean"], line["difference"])
        for line in lines
        if line["published_mean"]
    ]
    assert found == [("VAE", "144.5", "-0.5"), ("self λ=20", "99.25", "49.75")]


def test_rendering_twice_gives_the_same_bytes(results):
    for name in FORMATS:
        assert render(boards(results), name) == render(boards(results[::-1]), name)


def test_the_report_protocol_says_what_its_numbers_are(make_result):
    metrics = {"report.mi": 3.0, "mi_batch_ceiling": 6.93147}
    found = [make_result(seed=seed, metrics=metrics) for seed in range(2)]
    text = render(boards(found, "as-published"), "markdown")
    assert "Mean (population std) over n = 2 seeds" in text
    assert "| method | NLL ↓ (nats) | MI ↑ (nats) | AU ↑ | density ↑ | coverage ↑ |" in text
    assert "MI is the estimate within minibatches, at most log batch = 6.93." in text
    both = [*boards(found), *boards(found, "as-published")]
    for text in (render(both, "markdown"), render(both, "rich")):
        heads = [line for line in text.split("\n") if "toy-mlp" in line and "results/" not in line]
        assert [line.removeprefix("## ") for line in heads] == [
            "toy-mlp",
            "toy-mlp, as published",
        ]
    assert "conventions" not in render(boards(found), "markdown")


def test_what_a_recipe_has_beyond_the_plain_one_is_said_among_what_is_held_fixed(make_result):
    plain, more = (
        render(boards([make_result(track=track)]), "markdown")
        for track in ({}, {"length_pool": 8, "plateau": 2, "plateau_from": 15, "patience": 3})
    )
    said = (
        "batch size 1024, texts of similar length from pools of 8 batches;",
        "after 2 validations with a worse ELBO, after epoch 15, at most 5 times",
        "30 epochs, early stopping after 3 validations without a better ELBO;",
    )
    for words in said:
        assert words in more
        assert words not in plain


@pytest.mark.parametrize(
    ("setting", "shown"),
    [
        (2.659260036932778, "2.659"),
        (14.285714285714286, "14.29"),
        (0.00012345678, "0.0001235"),
        (-123456.75, "-123457"),
        (20000, "20000"),
        (0.0, "0"),
        ((0.123456, 2.0), "(0.1235, 2)"),
        ("torch", "torch"),
    ],
)
def test_a_caption_shows_a_setting_with_four_significant_digits(make_result, setting, shown):
    fields = {"critic": "self", "lambda_": 1.0, "critic_settings": {"temperature": setting}}
    text = render(boards([make_result(**fields)]), "markdown")
    assert f"Critics: self (temperature {shown})." in text


def test_one_seed_is_said_to_show_no_spread(make_result):
    text = render(boards([make_result(metrics={"nll": 3.0})]), "markdown")
    assert "Values of n = 1 seed (0): neither a spread nor a test" in text
    assert "| VAE | 3.00 |" in text


def test_a_board_without_runs_says_so(make_result):
    board = boards([], expected={"toy-mlp": [make_result().spec.task]})
    for name in ("markdown", "rich"):
        text = render(board, name)
        assert "No run of this table has been made yet." in text
        assert "1. not run" in text
