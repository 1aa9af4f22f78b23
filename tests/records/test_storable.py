"""What a component may come up with always becomes a record, and the record says what it was."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from untyped import untyped

from fmnbench.board.columns import columns
from fmnbench.records import schema
from fmnbench.records.storable import CURVE, printable, storable

ANY_TEXT = st.text(st.characters(), max_size=20)  # lone surrogates and control characters too
ANY_NUMBER = (
    st.floats()
    | st.integers()
    | st.floats(width=32).map(np.float32)
    | st.integers(-9, 9).map(np.int64)
    | st.floats().map(torch.tensor)
    | st.just(torch.ones(2))
    | st.just("1")
    | st.none()
)
NUMBERS = st.dictionaries(ANY_TEXT, ANY_NUMBER, max_size=4)


@settings(max_examples=200, deadline=None)  # a slow shared machine is no failure
@given(NUMBERS, st.lists(NUMBERS, max_size=3), ANY_TEXT, st.dictionaries(ANY_TEXT, ANY_TEXT))
def test_whatever_a_run_came_up_with_comes_back_from_its_record(
    make_result, metrics, curve, error, broken
):
    result = make_result(
        error=error,
        broken=broken,
        metric_versions=broken,
        timings=dict.fromkeys(broken, 1.0),
        provenance={"plugins": broken},
    )
    result = storable(untyped(result, metrics=metrics, curve=tuple(curve)))
    assert schema.parse(schema.dump(result), "it").result == result
    assert storable(result) == result
    assert all(text.isprintable() for text in (result.error, *result.metrics, *result.broken))


def test_a_result_that_a_record_holds_is_returned_as_it_is(make_result):
    result = make_result(
        metrics={"nll": 1.5}, curve=({"loss": 0.1 + 0.2},), broken={"λ": "is nan"}
    )
    assert storable(result) == result


@pytest.mark.parametrize(
    "value",
    [np.float32(0.1), torch.tensor(0.1), np.float64(0.1), np.int64(3), torch.tensor([[2.5]]), 7],
    ids=repr,
)
def test_one_number_of_any_type_becomes_the_float_of_the_same_value(make_result, value):
    stored = storable(untyped(make_result(), curve=({"loss": value},), metrics={"nll": value}))
    assert stored.broken == {}
    for found in (stored.curve[0]["loss"], stored.metrics["nll"]):
        assert type(found) is float
        assert found == np.asarray(value).item()


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (math.nan, "nan"),
        (np.float32("-inf"), "-inf"),
        (torch.ones(2), "a Tensor"),
        (np.ones(2), "a ndarray"),
        (10**400, "a int"),
        ("0.5", "a str"),
        (None, "a NoneType"),
    ],
    ids=repr,
)
def test_what_is_no_finite_number_is_left_out_and_named_with_its_first_epoch(
    make_result, value, what
):
    curve = ({"loss": 1.0}, {"loss": 2.0, "mi": value}, {"loss": 3.0, "mi": value})
    stored = storable(untyped(make_result(), curve=curve, metrics={"kl": 1.0, "odd": value}))
    assert stored.curve == ({"loss": 1.0}, {"loss": 2.0}, {"loss": 3.0})
    assert stored.metrics == {"kl": 1.0}
    assert stored.broken == {"odd": f"is {what}", f"{CURVE}mi": f"is {what} in epoch 2"}


def test_a_value_of_the_curve_that_is_broken_is_no_column_of_a_board(make_result):
    results = [make_result(metrics={"kl": 1.0}, broken={f"{CURVE}mi": "is nan in epoch 2"})]
    plain = [make_result(metrics={"kl": 1.0})]
    assert columns("standard", results, {}) == columns("standard", plain, {})


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("log λ ≥ ½", "log λ ≥ ½"),
        ("a\ud800b", "a\\ud800b"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("two\nlines\x00", "two\\nlines\\x00"),
    ],
)
def test_characters_that_print_nothing_are_escaped_as_in_python(text, escaped):
    assert printable(text) == escaped
