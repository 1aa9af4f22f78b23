import csv
import io
import json
import re

import pytest

from fmnbench.board import boards
from fmnbench.board.published import Published
from fmnbench.errors import UsageError
from fmnbench.report import FORMATS, Options, frame, render

GOLDEN = """\
# Leaderboard

`fmnbench report` generates this page from the linked records.

## toy-mlp

Without verdict: neural λ=20 (incomplete); self λ=20 (has learned nothing with a seed at \
least).

| method | Δ NLL (nats) | NLL ↓ (nats) | AU ↑ | time (× VAE) |
| :-- | --: | --: | --: | --: |
| VAE |  | 144.00 (1.41) | 4.0 (0.0) | 1.00 |
| neural λ=20<sup>1</sup> |  | — | — | — |
| self λ=20<sup>2</sup> | \\+5.00 ± 6.08 | 149.00 (1.41) | 3.5 (0.7) | 1.50 |
| *latent-free reference (n = 4)* |  | *148.50* |  |  |

Mean (sample std) over n = 2 seeds (0, 1).

<details>
<summary>All columns, records, notes and settings</summary>

| method | NLL ↓ (nats) | Δ NLL (nats) | KL (nats) | MI lower ↑ (nats) | MI upper (nats) | MI \
batch ↑ (nats) | AU ↑ | density ↑ | coverage ↑ | time (× VAE) | records by seed |
| :-- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | :-- |
| VAE | 144.00 (1.41) |  | — | — | — | — | 4.0 (0.0) | — | — | 1.00 | \
[0](results/toy-mlp/KEY0.json) [1](results/toy-mlp/KEY1.json) |
| neural λ=20<sup>1</sup> | — |  | — | — | — | — | — | — | — | — | \
[0](results/toy-mlp/KEY2.json) [1](results/toy-mlp/KEY3.json) |
| self λ=20<sup>2</sup> | 149.00 (1.41) | \\+5.00 ± 6.08 | — | — | — | — | 3.5 (0.7) | — | — | \
1.50 | [0](results/toy-mlp/KEY4.json) [1](results/toy-mlp/KEY5.json) |
| *latent-free reference (n = 4)* | *148.50* |  |  |  |  |  |  |  |  |  |  |

1. neural λ=20: seed 0 diverged: loss is nan in epoch 3
2. the model has learned nothing with seed 1: its importance-weighted NLL does not beat the \
148.50 nats of the latent-free reference

Held fixed: dataset toy; architecture mlp; 30 epochs; batch size 1024; adamw with learning \
rate 0.0002; float64.

Scales: K = 500 samples for NLL; the same is a difference within ± 0.5 (NLL) nats.

</details>

## How to read this page

- **Arrows**: ↓ lower is better; ↑ higher is better; → the nearest to that value is best.
- **Bold**: a set that holds the best row of the column with 95 % confidence; each row outside \
it is worse than some row (one-sided Welch test, 5 % divided by the number of other rows). \
Rows that have learned nothing, or ignore z with every seed, do not count. A column is not \
decided where no row can be left out, and saturated where all values lie within 5 % of its \
ceiling.
- **Δ**: difference from the plain VAE ± half of its 95 % Welch interval. Better, worse: at 5 \
% over all rows (Holm). Same: the 90 % interval lies within a margin that the table's scales \
state. Open: neither; in brackets the seeds of each row that are expected to decide it.
- **—**: a hole; no mean is taken over the remaining seeds.
- **NLL**: negative log-likelihood per test row in nats, importance-weighted with K samples; \
normalised, so a Gaussian decoder keeps its constant.
- **MI lower–upper**: a bracket of the mutual information between x and z over the whole test \
set, in nats; MI lower cannot exceed log n.
- **MI batch**: the estimate within minibatches (He et al. 2019), at most log batch size in \
expectation.
- **AU**: latent dimensions whose posterior mean has a variance above 0.01 over rows.
- **Density, coverage**: of draws from the prior among test rows (Naeem et al. 2020, k = 5), \
in an embedding that no model changes. Their target is the value of real data, where training \
rows replace the draws.
- **Time**: training time (CPU time on a CPU) divided by that of the plain VAE.
- **Without z**: the latent-free reference is the best prediction without a latent: a \
constant, or a trained model. A row that does not beat the constant has learned nothing.
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
    text = render(board, "rich", Options(width=width, color=color, columns=("all",)))
    plain = re.sub(r"\x1b\[[\d;]*m", "", text)
    assert max(map(len, plain.split("\n"))) <= width
    assert "…" not in plain
    for index, metric in enumerate(METRICS.split()[:10]):
        if metric != "ppl":  # that of the mean NLL
            assert f"{123.956 + index:.{1 if metric == 'au' else 2}f}" in plain
    assert plain.count("(0.71)") == 2 * 8  # all but what a time and a perplexity have no std
    assert ("\x1b" in text) == color


def test_numbers_are_flush_right_and_a_table_in_parts_repeats_the_names(results):
    whole = {"columns": ("all",)}
    lines = render(boards(results), "rich", Options(width=200, **whole)).split("\n")
    inline = [line for line in lines if line.startswith(("VAE", "self"))]
    assert [line.index("(1.41)") for line in inline] == [inline[0].index("(1.41)")] * 2
    assert [len(line) for line in inline] == [len(inline[0])] * 2
    lines = render(boards(results), "rich", Options(width=50, **whole)).split("\n")
    assert len([line for line in lines if line.startswith("VAE ")]) == 3
    assert len([line for line in lines if line.startswith("latent-free")]) == 1


def test_bold_is_a_star_where_there_are_no_styles(results, make_result):
    for seed in range(2):
        results.append(make_result(critic="good", seed=seed, metrics={"nll": 100.0 + seed}))
    text = render(boards(results), "rich", Options(width=200))
    assert "*100.50 (0.71)" in text
    assert "Bold (*): a set that holds the best row of the column" in text
    styled = render(boards(results), "rich", Options(width=200, color=True))
    assert "*100.50" not in styled
    assert re.search(r"\x1b\[1m *100\.50 \(0\.71\)\x1b\[0m", styled)


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
    assert r"| *↳ published* |  | *144.5 (0.0)* \-0.5 ± 12.7 |" in text
    assert r"| *↳ published* |  | *99.25 (0.50)* \+49.75 ± 8.45, order reversed |" in text
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
    assert "MI batch at most log batch size = 6.93" in text
    assert "**As published**: by the conventions of the project report" in text
    both = [*boards(found), *boards(found, "as-published")]
    for text in (render(both, "markdown"), render(both, "rich")):
        heads = [line for line in text.split("\n") if "toy-mlp" in line and "results/" not in line]
        assert [line.lstrip("# ") for line in heads] == [
            "toy-mlp",
            "toy-mlp, as published",
        ]
    assert "conventions" not in render(boards(found), "markdown")


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
