"""Text from records is no markup, whatever it holds."""

import csv
import html
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmnbench.board import boards
from fmnbench.report import render
from fmnbench.report.markdown import escape

HOSTILE = "a|b & <i>c</i> `d`\n*e* [f](g) 100% $h_1$ \\ [bold]j[/bold]"


def test_text_from_records_has_no_markup_in_markdown(make_result):
    fields = {"critic": HOSTILE, "status": "failed", "error": HOSTILE, "track": {"name": "a&<b"}}
    text = render(boards([make_result(**fields)]), "markdown")
    shown = r"a\|b &amp; &lt;i&gt;c&lt;/i&gt; \`d\` \*e\* \[f\](g) 100% \$h\_1\$ \\ \[bold\]"
    first, whole = (line for line in text.split("\n") if line.startswith("| a"))
    for line, columns in ((first, 1), (whole, len(boards([make_result()])[0].columns) + 1)):
        assert line.startswith(f"| {shown}")
        assert re.sub(r"\\\|", "", line).count("|") == columns + 2
    assert f"1. {shown}" in text
    assert "## a&amp;&lt;b" in text
    assert "(results/a%26%3Cb/" in text


@given(st.text())
def test_escaped_text_is_one_line_without_tags_or_bare_pipes(text):
    escaped = escape(text)
    assert len(escaped.splitlines()) <= 1
    assert not set("<>") & set(escaped)
    assert not re.search(r"(?<!\\)(\\\\)*[|`*_\[\]]", escaped)


def test_text_from_records_is_shown_as_it_is_on_a_terminal(make_result):
    fields = {"status": "failed", "error": "[bold]j[/bold] \x1b[31mred :smile:"}
    text = render(boards([make_result(critic="[red]x[/red]", **fields)]), "rich")
    assert "[red]x[/red] λ=0" in text
    assert "[bold]j[/bold]" in text
    assert ":smile:" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("name", ["www.x.org", "WWW.x.org", "a@b.org", "@user", "http://x.org"])
def test_a_name_becomes_no_link(name):
    shown = escape(name)
    assert not re.search(r"www\.|@\w|://", shown, re.IGNORECASE)
    assert html.unescape(shown).replace("\u2060", "") == name
    if "://" not in name:
        assert not re.search(r"www\.|@\w", html.unescape(shown), re.IGNORECASE)


@pytest.mark.parametrize("critic", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\u202e=1", " =1"])
def test_a_text_is_no_formula_of_a_spreadsheet_and_numbers_stay_numbers(make_result, critic):
    results = [make_result(critic=critic, metrics={"nll": -1.5})]
    text = render(boards(results), "csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["critic"] for row in rows} == {"'" + critic.strip("\u202e\t ")}
    assert "-1.5" in {row["mean"] for row in rows}
    assert text.replace("\n", "").isprintable()
