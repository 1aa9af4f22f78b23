import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmnbench.printable import clean, json_text, printable

STEERING = ["\x1b[2J", "\x9b31m", "\r", "\x07", "\u202e", "\u2066", "\u200b", "\u2028", "\n", "\0"]


@pytest.mark.parametrize("code", STEERING)
def test_what_steers_a_terminal_becomes_a_space(code):
    assert clean(f"a{code}b") == f"a {code[1:]}b"
    assert printable(f" a{code}b ") == f"a {code[1:]}b"


@given(st.text())
def test_a_cleaned_text_is_printable_as_long_as_before_and_keeps_what_was_printable(text):
    cleaned = clean(text)
    assert cleaned.isprintable()
    pairs = zip(cleaned, text, strict=True)
    assert all(new == (old if old.isprintable() else " ") for new, old in pairs)


@given(st.dictionaries(st.text(), st.text() | st.floats(allow_nan=False, allow_infinity=False)))
def test_json_is_printable_and_reads_back_the_same(value):
    text = json_text(value, indent=2)
    assert text.replace("\n", "").isprintable()
    assert json.loads(text) == value
