"""Values of settings: one form for each number, however a user or a suite file writes it."""

import tomllib
from typing import TypeVar, cast

from fmnbench.spec import Setting

Value = TypeVar("Value")


def parsed(text: str) -> Setting:
    """Returns a TOML value where the text is one (1e-3, true, [64, 32]), else the text itself."""
    try:
        value: Setting = tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text
    return positive_zero(tuple(value) if isinstance(value, list) else value)


def positive_zero(value: Value) -> Value:
    """Returns a value, or a list, tuple or mapping of values, with 0.0 in place of -0.0."""
    plain: object = value
    if isinstance(value, dict):
        plain = {key: positive_zero(child) for key, child in value.items()}
    elif isinstance(value, list | tuple):
        plain = type(value)(map(positive_zero, value))
    elif isinstance(value, float):
        plain = value + 0.0  # -0.0 + 0.0 is 0.0
    return cast(Value, plain)


def text_of(value: Setting) -> str:
    """Returns a value as a track's name shows it: 1 for 1.0, 64,32 for (64, 32), 1e16."""
    if isinstance(value, tuple):
        return ",".join(map(text_of, value))
    if isinstance(value, float):
        return repr(value).removesuffix(".0").replace("e+", "e")
    return str(value)
