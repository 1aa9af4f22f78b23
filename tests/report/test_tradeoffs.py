"""Trade-offs of a table: points are the runs, and a method looks the same in every figure."""

import dataclasses
import re
import xml.etree.ElementTree as ET

import pytest
from curve_records import the_board

from fmnbench.board import boards
from fmnbench.report.figures import information_figure, overview_figure, tradeoffs_figure
from fmnbench.report.figures.base import COLORS, GREY, INK, PALE, look_of, looks
from fmnbench.report.figures.planes import by_metrics, centre, clouds
from fmnbench.report.figures.tradeoffs import frontier

NLL = {0: 100.0, 1: 104.0}
RATES = {"kl": 3.0, "reconstruction": 98.0, "mi_lower": 2.0, "reference.nll": 200.0}
SURFACES = ("#FFFFFF", "#0D1117")  # of GitHub, light and dark


def luminance(color):
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return sum(weight * x for weight, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("color", [*COLORS, GREY, PALE, INK])
def test_every_colour_has_a_contrast_of_three_on_light_and_dark(color):  # WCAG 2.1, 1.4.11
    for surface in SURFACES:
        low, high = sorted(map(luminance, (color, surface)))
        assert (high + 0.05) / (low + 0.05) >= 3


def test_a_figure_has_no_surface_of_its_own(row):
    found = row(NLL, metrics=RATES)
    for svg in (tradeoffs_figure(the_board(found), found),):
        fills = set(re.findall(r"fill: (#[0-9a-f]{6})", svg))
        assert "#ffffff" not in fills
        assert "#000000" not in fills


def test_a_method_has_one_look_in_all_tables_and_its_rows_differ_in_it(row):
    one = the_board([*row(NLL), *row(NLL, critic="self"), *row(NLL, critic="mine", lambda_=1.0)])
    other = the_board(
        [*row(NLL, critic="mine", lambda_=2.0), *row(NLL, critic="mine", lambda_=3.0)]
    )
    vae, mine, own = looks(one.rows)
    assert (vae.color, own.color) == (COLORS[0], COLORS[1])
    assert {(look.color, look.marker) for look in (mine, *looks(other.rows))} == {look_of("mine")}
    assert len(set(looks(other.rows))) == 2


def test_a_cloud_has_a_point_a_seed_and_leaves_out_what_is_far_off(row):
    found = [
        *row(NLL, metrics=RATES),
        *row({0: 90.0, 1: 500.0}, critic="self", metrics=RATES),
        *row({0: 80.0, 1: 81.0}, critic="lost", status="failed", metrics=RATES),
    ]
    vae, lost, own = clouds(the_board(found), found)
    point = by_metrics("mi_lower", "nll")
    assert point(vae) == [(2.0, 100.0), (2.0, 104.0)]
    assert centre(point(vae)) == (2.0, 102.0)
    assert (point(own), own.left_out) == ([(2.0, 90.0)], 1)
    assert point(lost) == []


def test_a_sweep_of_beta_is_a_frontier_by_its_rate(row):
    found = []
    for beta, kl in ((None, 5.0), (0.2, 9.0), (4.0, 1.0)):
        of = {} if beta is None else {"objective": "beta", "objective_settings": {"beta": beta}}
        more = RATES | {"kl": kl, "reconstruction": 100.0 - kl}
        found += row(NLL, metrics=more, **of)
    found += row(NLL, critic="self", metrics=RATES)
    drawn = clouds(the_board(found), found)
    assert frontier(drawn) == [(1.0, 99.0), (5.0, 95.0), (9.0, 91.0)]
    assert frontier(clouds(the_board(found[:2]), found)) == []


def places(svg, color):
    """Returns the places of the large marks of a colour, in points, as (x, y)."""
    root = ET.fromstring(svg)
    found = []
    for each in root.iter("{http://www.w3.org/2000/svg}use"):
        style = each.get("style") or ""
        if f"fill: {color.lower()}" in style and "opacity" not in style:
            found.append((float(each.get("x")), float(each.get("y"))))
    return found


def test_the_marks_of_two_methods_stand_as_their_numbers_say(row):
    found = [
        *row(NLL, metrics=RATES),
        *row({0: 90.0, 1: 92.0}, critic="self", metrics=RATES | {"kl": 6.0, "mi_lower": 4.0}),
    ]
    svg = tradeoffs_figure(the_board(found), found)
    vae, own = places(svg, COLORS[0]), places(svg, COLORS[1])
    assert vae[0][0] < own[0][0]  # more information stands further right
    assert vae[0][1] < own[0][1]  # a lower NLL further down: y grows downwards
    assert vae[1][0] < own[1][0]


def test_without_a_rate_there_is_no_figure_and_one_track_needs_no_overview(row):
    found = row(NLL)
    assert tradeoffs_figure(the_board(found), found) is None
    found = row(NLL, metrics=RATES)
    assert overview_figure(boards(found), found) is None


def test_the_overview_has_a_panel_for_each_whole_track_alone(row):
    names = ("one", "two", "two+epochs=3", "three")
    found = [
        result
        for name in names
        for result in row(NLL, metrics=RATES, track={"name": name, "epochs": 3 + len(name)})
    ]
    found += row({0: 1.0}, metrics=RATES, track={"name": "single"})
    svg = overview_figure(boards(found), found)
    titles = {comment.strip() for comment in re.findall(r"<!--(.*?)-->", svg)}
    assert titles & {*names, "single"} == {"one", "two", "three"}
    assert "VAE" in titles


def test_all_figures_have_the_same_bytes_whatever_the_order_of_the_records(curve_results):
    found = [dataclasses.replace(each, metrics=RATES | {"nll": 9.0}) for each in curve_results]
    board = the_board(found)
    for figure in (tradeoffs_figure, information_figure):
        assert figure(board, found) == figure(board, found[::-1]) is not None
