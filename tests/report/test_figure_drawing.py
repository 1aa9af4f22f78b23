"""The drawing of information by epoch: its lines are the numbers, its bytes always the same."""

import html
import math
import os
import pickle
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import matplotlib as mpl
import pytest
from curve_records import only, the_board

from fmnbench.report.figures import information_figure
from fmnbench.report.figures.base import COLORS, GREY
from fmnbench.report.figures.captions import ceiling

SVG, LINKS = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
HOSTILE = "$x_1$ \\$ <b>&amp; \x1b[31m --> ]]> 中"


def shapes(svg):
    """Returns the styles and points of all paths, those that are used elsewhere at their place."""
    known = {}
    for each in ET.fromstring(svg).iter():
        style = dict(re.findall(r"([a-z-]+): ([^;]+)", each.get("style") or ""))
        if each.tag == f"{SVG}path":
            numbers = [float(text) for text in re.findall(r"-?\d+\.?\d*", each.get("d") or "")]
            points = list(zip(numbers[::2], numbers[1::2], strict=False))
            known[each.get("id")] = points
            yield style, points
        elif each.tag == f"{SVG}use":
            left, top = float(each.get("x") or 0), float(each.get("y") or 0)
            points = known.get(each.get(f"{LINKS}href")[1:], [])
            yield style, [(x + left, y + top) for x, y in points]


def drawn(svg, color, **parts):
    """Returns the points of each path of a colour and style, as (x in points, nats)."""
    levels = [
        ("stroke-dasharray" in style, points[0][1])
        for style, points in shapes(svg)
        if style.get("stroke") == GREY.lower()
        and len(points) == 2
        and points[0][1] == points[1][1]
    ]
    heights = dict(levels[:2])  # of zero and of the ceiling, log 1024 nats
    per_nat = (heights[False] - heights[True]) / math.log(1024)
    wanted = {name.replace("_", "-"): value for name, value in parts.items()}
    return [
        [(x, (heights[False] - y) / per_nat) for x, y in points]
        for style, points in shapes(svg)
        if color.lower() in (style.get("stroke"), style.get("fill"))
        and all(style.get(name) == value for name, value in wanted.items())
    ]


def texts(svg):
    """Returns what is written in a figure: each text's outlines follow it as a comment."""
    parser = ET.XMLParser(target=ET.TreeBuilder(insert_comments=True))
    comments = ET.fromstring(svg, parser).iter(ET.Comment)
    return [html.unescape(each.text).strip() for each in comments]


def test_lines_and_bands_go_through_the_numbers(curve_run):
    values = [{2: 1.0, 4: 4.0, 10: 2.0}, {2: 3.0, 4: 5.0, 10: 6.5}]
    found = [curve_run(points, seed) for seed, points in enumerate(values)]
    svg = information_figure(the_board(found), found)
    line = drawn(svg, COLORS[0], stroke_width="1.8", fill="none")[0]
    assert [nats for _, nats in line] == pytest.approx([2.0, 4.5, 4.25], abs=1e-4)
    (a, _), (b, _), (c, _) = line
    assert (c - b) / (b - a) == pytest.approx(3, abs=1e-4)
    band = only(drawn(svg, COLORS[0], fill_opacity="0.2"))
    for x, ends in ((a, {1.0, 3.0}), (b, {4.0, 5.0}), (c, {2.0, 6.5})):
        assert {round(nats, 4) for where, nats in band if abs(where - x) < 1e-3} == ends


def test_one_seed_has_no_band_and_none_of_all_seeds_a_thin_line(curve_run):
    found = [curve_run({1: 1.0, 2: 3.0})]
    svg = information_figure(the_board(found), found)
    assert not drawn(svg, COLORS[0], fill_opacity="0.2")
    assert not drawn(svg, COLORS[0], stroke_width="0.8")


def test_a_seed_that_goes_on_is_a_thin_line_from_where_the_other_stopped(curve_run):
    found = [curve_run({1: 1.0, 2: 2.0, 3: 5.0}, 0), curve_run({1: 1.0, 2: 3.0}, 1)]
    tail = only(drawn(information_figure(the_board(found), found), COLORS[0], stroke_width="0.8"))
    assert [nats for _, nats in tail] == pytest.approx([2.0, 5.0], abs=1e-4)


def test_the_legend_names_rows_the_seeds_they_lack_and_the_ceiling(curve_results):
    board = the_board(curve_results, seeds=range(3))
    written = texts(information_figure(board, curve_results))
    names = ["VAE", "neural λ=20 (1 of 3 seeds)", "self λ=20 (1 of 3 seeds)"]
    assert written[-4:] == [*names, "ceiling: log 1024 = 6.93 nats"]
    assert {"toy-mlp", "epoch", "MI batch, validation rows (nats)"} <= set(written)
    assert ceiling(board) == pytest.approx(10 * math.log(2))


def test_fifteen_rows_have_fifteen_different_looks(curve_run):
    found = [
        curve_run({1: i / 4, 2: i / 3}, critic=f"critic{i:02}", lambda_=1.0) for i in range(15)
    ]
    svg = information_figure(the_board(found), found)
    paths = {path.get("id"): path.get("d") for path in ET.fromstring(svg).iter(f"{SVG}path")}
    looks = set()
    for group in ET.fromstring(svg).iter(f"{SVG}g"):
        line, marker = group.find(f"{SVG}path"), group.find(f"{SVG}g/{SVG}use")
        if marker is not None and line is not None and "stroke-width: 1.8" in line.get("style"):
            looks.add((line.get("style"), paths[marker.get(f"{LINKS}href")[1:]]))
    assert len(looks) == 15
    assert len({shape for _, shape in looks}) == 7


def test_a_long_line_has_a_marker_on_few_of_its_points(curve_run):
    found = [curve_run({epoch: math.sin(epoch) for epoch in range(1, 31)})]
    svg = information_figure(the_board(found), found)
    marks = [style for style, _ in shapes(svg) if style.get("stroke") == COLORS[0].lower()]
    assert len([style for style in marks if "fill" in style and "fill-opacity" not in style]) < 20


def test_names_are_written_as_they_are_and_the_figure_is_still_xml(curve_run):
    found = [curve_run({1: 1.0}, critic=HOSTILE, track={"name": "a&<b"})]
    svg = information_figure(the_board(found), found)
    # a comment cannot hold two hyphens
    assert "$x_1$ \\$ <b>&amp; [31m - -> ]]> 中 λ=0" in texts(svg)
    assert "a&<b: information" in ET.fromstring(svg).find(f"{SVG}title").text
    assert "\x1b" not in svg


@pytest.mark.parametrize(("length", "columns"), [(20, 2), (50, 1)])
def test_the_legend_is_below_the_axes_on_the_page_in_as_many_columns_as_fit(
    curve_run, length, columns
):
    found = [curve_run({1: i / 4}, critic=f"{i}" + "w" * length) for i in range(9)]
    svg = information_figure(the_board(found), found)
    places = {
        part: [
            tuple(map(float, re.findall(r"-?[\d.]+", group.get("transform"))[:2]))
            for group in ET.fromstring(svg).find(f".//{SVG}g[@id='{part}']").iter(f"{SVG}g")
            if group.get("transform")
        ]
        for part in ("axes_1", "legend_1")
    }
    assert len({x for x, _ in places["legend_1"]}) == columns
    below = [y for _, y in places["legend_1"]]
    height = float(ET.fromstring(svg).get("viewBox").split()[3])
    assert max(y for _, y in places["axes_1"]) + 10 < min(below) < max(below) < height - 5


@pytest.mark.parametrize("name", ["_hidden", "_nolegend_", "$\\bad{$", "%s {x}", "x" * 300])
def test_a_name_that_means_something_to_the_drawing_library_is_a_name(curve_run, name):
    found = [curve_run({1: 1.0}, critic=name, lambda_=2.5)]
    written = texts(information_figure(the_board(found), found))
    shown = f"{name} λ=2.5"
    if len(name) == 300:
        shown = f"{'x' * 36}…{'x' * 14} λ=2.5"
    assert shown in written


DRAW = """
import pickle, sys
from pathlib import Path
from fmnbench.board import boards
from fmnbench.report.figures import information_figure

results = pickle.loads(Path(sys.argv[1]).read_bytes())
(board,) = boards(results)
sys.stdout.buffer.write(information_figure(board, results).encode())
print(sorted({"torch", "matplotlib.pyplot"} & {*sys.modules}), file=sys.stderr)
"""


def in_a_new_process(*arguments, **environment):
    paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", *arguments],
        capture_output=True,
        check=True,
        env={**os.environ, **paths, **environment},
    )


def test_another_process_draws_the_same_bytes_without_pyplot(curve_results, tmp_path):
    path = tmp_path / "results"
    path.write_bytes(pickle.dumps(curve_results))
    done = in_a_new_process(DRAW, path, PYTHONHASHSEED="7", SOURCE_DATE_EPOCH="9", LC_ALL="C")
    assert done.stdout.decode() == information_figure(the_board(curve_results), curve_results)
    assert done.stderr.decode().strip() == "[]"


def test_the_users_settings_of_matplotlib_neither_show_nor_change(curve_results):
    board = the_board(curve_results)
    plain = information_figure(board, curve_results)
    own = {"lines.linewidth": 9.0, "svg.fonttype": "none", "savefig.bbox": "tight"}
    with mpl.rc_context(own):
        before = dict(mpl.rcParams)
        assert information_figure(board, curve_results[::-1]) == plain
        assert dict(mpl.rcParams) == before


def test_a_figure_holds_no_date(curve_results):
    svg = information_figure(the_board(curve_results), curve_results)
    assert "dc:date" not in svg
    assert not re.search(r"20\d\d-\d\d-\d\d", svg)
