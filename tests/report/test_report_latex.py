"""LaTeX: text from records is no command, and the tables compile where a LaTeX is installed."""

import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmnbench.board import boards
from fmnbench.report import render
from fmnbench.report.latex import SPECIAL, escape

HOSTILE = r"\input{x} a_b^c 100% $x$ # & ~ {} \\ [1] <*> ü 中 " + '"'
DOCUMENT = "\\documentclass{article}\\usepackage{booktabs}\n\\begin{document}\n%s\\end{document}\n"


@pytest.fixture
def text(row):
    plain = row({0: 10.0, 1: 11.0, 2: 12.0}, metrics={"reference.nll": 200.0, "mi_lower": 2.0})
    other = row({0: 5.0, 1: 5.5, 2: 5.2}, critic=HOSTILE, lambda_=2.0, metrics={"mi_lower": 3.0})
    lost = row({0: 1.0, 1: 1.0, 2: 1.0}, critic="lost", status="failed", error=HOSTILE)
    return render(boards([*plain, *other, *lost]), "latex")


def test_a_table_has_rules_numbers_and_bold_of_the_markdown(text):
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 1
    assert re.search(r"VAE & +& 11\.00 \(1\.00\) & ", text)
    assert r"\textbf{5.23 (0.25)}" in text
    assert r"$\lambda$=2" in text
    assert r"NLL $\downarrow$ (nats)" in text
    assert r"\textit{latent-free reference (n = 3)} & " in text


def test_every_brace_is_closed_and_every_row_has_as_many_cells_as_heads(text):
    bare = re.sub(r"\\[\\{}&%$#_]", "", text)
    depth = 0
    for character in bare:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    body = text.split(r"\toprule")[1].split(r"\bottomrule")[0]
    lines = [line for line in body.splitlines() if line.endswith(r"\\")]
    counts = {re.sub(r"\\&", "", line).count("&") for line in lines}
    assert counts == {len(re.search(r"\{l(r+)\}", text)[1])}
    assert len(lines) == 5


@given(st.text())
def test_an_escaped_text_has_no_command_but_those_that_stand_for_its_characters(text):
    escaped = escape(text)
    for command in sorted([*SPECIAL.values(), r"\ldots{}"], key=len, reverse=True):
        escaped = escaped.replace(command, "")
    escaped = re.sub(r"\$\\?[a-z-]+\$", "", escaped, flags=re.IGNORECASE)
    assert not set(escaped) & set("\\{}$&#^_~%")


def test_the_tables_compile(text, tmp_path):
    compilers = [name for name in ("pdflatex", "tectonic") if shutil.which(name)]
    if not compilers:
        pytest.skip("neither pdflatex nor tectonic is installed")
    (tmp_path / "t.tex").write_text(DOCUMENT % text, encoding="utf-8")
    options = ["-interaction=nonstopmode", "-halt-on-error", "-draftmode"]
    command = [compilers[0], *(options if compilers[0] == "pdflatex" else []), "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
