"""Texts that did not come from us, before anybody sees them: no text steers a terminal."""

import json
import re

CONTROL = re.compile(r"[^\x20-\x7e]")  # candidates: what is neither plain ASCII nor printable


def clean(text: str) -> str:
    """Returns a text with a space for each character that is not printable, such as a newline.

    Not printable are control characters, those that turn the direction of writing, other
    invisible ones, and all white space but the plain space.
    """
    return CONTROL.sub(lambda found: found[0] if found[0].isprintable() else " ", text)


def printable(text: str) -> str:
    """Returns a text as one line of printable characters with single spaces between words."""
    return " ".join(clean(text).split())


def json_text(value: object, indent: int) -> str:
    """Returns indented JSON in which characters that are not printable are escaped."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    return "\n".join(map(escaped, text.split("\n")))


def escaped(text: str) -> str:
    """Returns a line of JSON with an escape for each character that is not printable."""
    return CONTROL.sub(lambda found: _escape(found[0]), text)


def _escape(character: str) -> str:
    return character if character.isprintable() else json.dumps(character)[1:-1]
