"""The Markdown board as a reader meets it: verdicts first, the rest folded, definitions once."""

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from fmnbench.board import boards
from fmnbench.report import Options, render
from fmnbench.report.captions import APPENDIX, PUBLISHED, READING
from fmnbench.report.overview import INFORMATION, LIKELIHOOD
from fmnbench.report.verdicts import verdict

BOARD = (Path(__file__).parents[2] / "leaderboards/README.md").read_text(encoding="utf-8")
UNFOLDED = re.sub(r"<details>.*?</details>\n", "", BOARD, flags=re.DOTALL)
NLL = {0: 100.0, 1: 100.5, 2: 99.8}
ABOVE = {"reference.nll": 1000.0, "z_gain": 1.0, "mi_lower": 1.0, "mi_upper": 1.2}


def shifted(by, values=NLL):
    return {seed: value + by for seed, value in values.items()}


def test_the_committed_board_is_under_250_lines_unfolded_and_answers_in_its_first_80():
    assert UNFOLDED.count("\n") < 250
    first = "\n".join(BOARD.splitlines()[:80])
    for question in (LIKELIHOOD, INFORMATION):
        assert re.search(rf"^\*\*{question}\*\*: .*λ=\d+", first, re.MULTILINE)
    assert "\nContents: [" in first
    assert "(figures/overview.svg)" in first


def test_every_unfolded_table_of_the_committed_board_has_at_most_eight_columns_and_a_verdict():
    sections = UNFOLDED.split("\n## ")[1:]
    tracks = [text for text in sections if "\n| method |" in text]
    assert len(tracks) >= 5
    for text in tracks:
        (head,) = [line for line in text.splitlines() if line.startswith("| method")]
        assert head.count("|") - 2 <= 8
        assert re.match(r"[^\n]+\n\n(Likelihood|There|Without|Information)", text)


def test_links_of_the_committed_board_lead_to_files_and_headings():
    folder = Path(__file__).parents[2] / "leaderboards"
    tokens = MarkdownIt("commonmark").enable("table").parse(BOARD)
    parts = [part for token in tokens for part in token.children or []]
    links = [part.attrGet("href") or part.attrGet("src") for part in parts]
    links = [link for link in links if link]
    anchors = {
        re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in BOARD.splitlines()
        if line.startswith("#")
    }
    assert len(links) > 100
    for link in links:
        assert link[1:] in anchors if link.startswith("#") else (folder / link).is_file()


def test_definitions_stand_once_and_last(made):
    text = render(made, "markdown")
    assert text.count("a set that holds the best row") == 1
    assert text.count("± half of its 95 % Welch interval. Better") == 1
    assert text.split("\n## ")[-1].startswith(READING)


@pytest.fixture
def made(row):
    results = [
        *row(NLL, track={"name": "whole"}, metrics=ABOVE),
        *row(shifted(-20), critic="self", lambda_=2.0, track={"name": "whole"}, metrics=ABOVE),
        *row(NLL, track={"name": "whole+epochs=2", "epochs": 2}, metrics=ABOVE),
        *row({0: 5.0}, track={"name": "single"}, metrics=ABOVE),
    ]
    published = boards(results[:6], "as-published")
    return [*boards(results), *published]


def test_whole_tracks_come_first_then_published_tables_then_the_appendix(made):
    text = render(made, "markdown")
    titles = re.findall(r"^##+ (.+)$", text, re.MULTILINE)
    assert titles == [
        *("whole", PUBLISHED, "whole, as published", APPENDIX, "single", "whole+epochs=2"),
        READING,
    ]
    appendix = text.split(f"## {APPENDIX}")[1].split(f"## {READING}")[0]
    assert "| method" not in re.sub(r"<details>.*?</details>", "", appendix, flags=re.DOTALL)


def test_what_alone_is_shown_is_no_appendix(made):
    for board in made:
        text = render([board], "markdown")
        assert APPENDIX not in text
        assert "| method" in text.split("<details>")[0]


def test_tables_of_one_seed_alone_come_before_published_ones(made):
    rest = [board for board in made if (board.title, board.protocol) != ("whole", "standard")]
    text = render(rest, "markdown")
    titles = re.findall(r"^(##+ .+)$", text, re.MULTILINE)
    assert titles == [
        *("## single", "## whole+epochs=2", f"## {PUBLISHED}", "### whole, as published"),
        f"## {READING}",
    ]


def test_numbers_of_footnotes_are_raised_as_github_renders_them(row):
    more = ABOVE | {"mi_lower": 8.95, "mi_ceiling": 9.0}
    results = [*row(NLL, metrics=more), *row(shifted(-20), critic="self", metrics=more)]
    text = render(boards(results), "markdown")
    assert "| **80.10 (0.36)** | 8.95–1.20<sup>1</sup> |" in text
    assert "| 8.95 (0.00)<sup>1</sup> |" in text
    assert not re.search("[⁰¹²³⁴⁵⁶⁷⁸⁹]", text)
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert "*" not in re.sub(r"<[^>]+>", "", html.split("<table>")[1].split("</table>")[0])


def test_links_survive_a_store_path_with_spaces_and_brackets(row):
    text = render(boards(row(NLL)), "markdown", Options(links="my records (1)/results"))
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    links = [part.attrGet("href") for token in tokens for part in token.children or []]
    assert [link for link in links if link] == re.findall(r"\((\S+?\.json)\)", text)
    assert text.count("(my%20records%20%281%29/results/toy-mlp/") == 3


def test_a_verdict_says_what_was_decided_and_why_the_rest_was_not(row, make_result):
    results = [
        *row(NLL, metrics=ABOVE),
        *row(shifted(-20), critic="better", metrics=ABOVE | {"mi_lower": 5.0}),
        *row(shifted(9), critic="worse", metrics=ABOVE),
        *row({0: 90.0, 1: 120.0, 2: 95.0}, critic="wide", metrics=ABOVE),
        *row(shifted(1), critic="blank", metrics=ABOVE | {"z_gain": 0.0}),
        *row(shifted(2000), critic="lost", metrics=ABOVE),
    ]
    results += row({0: 1.0, 1: 1.0}, critic="mixed", metrics=ABOVE)
    results += row({2: 1.0}, critic="mixed", metrics=ABOVE | {"z_gain": 0.0})
    results.append(make_result(critic="failed", status="failed", error="why"))
    (board,) = boards(results, seeds=range(3))
    text = verdict(board)
    assert text.startswith(
        "Likelihood, beside the VAE's 100.10 nats: better better λ=0 (-20.00 ± 0.82); "
        "worse worse λ=0 (+9.00 ± 0.82); open wide λ=0. Information: "
    )
    assert "blank λ=0 (ignores z)" in text
    assert "lost λ=0 (has learned nothing with a seed at least)" in text
    assert "mixed λ=0 (uses z with 2 of 3 seeds)" in text
    assert "failed λ=0 (incomplete)" in text
    assert verdict(boards(results[:1])[0]) == (
        "One seed: values of these models, no verdict on methods."
    )
