"""Sentences around a table, and the digits of its numbers."""

import pytest

from fmnbench.board import boards
from fmnbench.report import render
from fmnbench.report.numbers import mean_std, plus_minus


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


@pytest.mark.parametrize(
    ("difference", "width", "text"),
    [
        (-1.4, 11.438, "-1.40 ± 11.44"),
        (0.001, 0.0002, "+0.00 ± <0.01"),
        (2.0, None, "+2.00"),
        (3e7, 4e8, "+3.00e+07 ± 4.00e+08"),
    ],
)
def test_a_difference_has_a_sign_and_a_width_that_is_not_rounded_to_nothing(
    difference, width, text
):
    assert plus_minus(difference, width) == text


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
