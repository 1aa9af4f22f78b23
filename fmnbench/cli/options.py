"""Options that several verbs share, and the parsers of their values."""

import math
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from fmnbench.errors import UsageError, unknown
from fmnbench.registry import load_plugin

DEFAULT_STORE = Path("leaderboards/results")
DEVICES = ("auto", "cpu", "cuda", "mps", "xpu")
MOST_SEEDS = 10_000  # more than that is a slip of the finger
SEEDS = re.compile(r"([0-9]+)(?:-([0-9]+))?")  # a seed, or the first and last of a range


def positive_integer(option: str) -> Callable[[str], int]:
    """Returns a parser of whole numbers above 0."""

    def parse(text: str) -> int:
        if not str(text).isdecimal() or int(text) == 0:
            raise UsageError(f"{option} is '{text}'; it must be a whole number above 0.")
        return int(text)

    return parse


def weight(text: str) -> float:
    """Returns a λ: a finite number, 0 or above."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise UsageError(f"--lambda is '{text}'; it must be a finite number, 0 or above.")
    return value


def error_rate(text: str) -> float:
    """Returns the error of tests: above 0 and below a half, as its double is one too."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 0.5:
        raise UsageError(f"--alpha is '{text}'; it must be a share above 0 and below 0.5.")
    return value


def one_name(remedy: object, objective: object) -> None:
    """Raises UsageError where a remedy is given under both of the option's names."""
    if remedy and objective:
        raise UsageError(
            "--remedy and --objective are two names of one thing; give all by --remedy."
        )


UNITS = {"s": 1, "m": 60, "h": 3600}  # seconds


def duration(option: str) -> Callable[[str], float]:
    """Returns a parser of seconds: 90, 90s, 10m or 2h."""

    def parse(text: str) -> float:
        number, unit = (text[:-1], text[-1]) if text[-1:] in UNITS else (text, "s")
        try:
            seconds = float(number) * UNITS[unit]
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < math.inf:
            raise UsageError(
                f"{option} is '{text}'; it must be a time such as 90, 90s, 10m or 2h."
            )
        return seconds

    return parse


def seeds(text: str) -> tuple[int, ...]:
    """Returns seeds: "3" means 0, 1, 2; "0,5,7", "7," and "0-2,7" are lists."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    ranges = [SEEDS.fullmatch(part) for part in parts]
    if not parts or not all(ranges):
        raise UsageError(
            f"--seeds is '{text}'; it must be a number of seeds (3) or a list of them "
            "(0,1,2 or 0-2)."
        )
    ends = [(int(each[1]), int(each[2] or each[1])) for each in ranges if each]
    if "," not in text and ranges[0] and ranges[0][2] is None:
        if ends[0][0] == 0:
            raise UsageError("--seeds is '0'; it must be at least 1 (for seed 0 alone, say '0,').")
        ends = [(0, ends[0][0] - 1)]
    if sum(last - first + 1 for first, last in ends) > MOST_SEEDS:
        raise UsageError(f"--seeds is '{text}'; at most {MOST_SEEDS} seeds can be asked for.")
    numbers = [number for first, last in ends for number in range(first, last + 1)]
    if not all(first <= last for first, last in ends):
        raise UsageError(f"--seeds is '{text}'; a range goes from a lower to a higher seed.")
    if len(set(numbers)) < len(numbers):
        raise UsageError(f"--seeds is '{text}'; a seed is named twice.")
    return tuple(numbers)


def device(text: str) -> str:
    """Returns a device's name, such as cpu, cuda or cuda:1; it need not exist."""
    kind, colon, number = text.partition(":")
    if kind not in DEVICES:
        raise unknown("--device value", text, DEVICES)
    if colon and not number.isdecimal():
        raise UsageError(f"--device is '{text}'; what follows the colon must be a number.")
    return text


def choice(
    option: str, allowed: tuple[str, ...], former: Mapping[str, str] | None = None
) -> Callable[[str], str]:
    """Returns a parser of one word out of a few, or of a former word for one of them."""

    def parse(text: str) -> str:
        text = (former or {}).get(text, text)
        if text not in allowed:
            raise unknown(f"{option} value", text, allowed)
        return text

    return parse


def load_plugins(paths: list[Path] | None) -> tuple[Path, ...]:
    """Registers the components of plug-in files; returns their full paths."""
    for path in paths or []:
        load_plugin(path)  # which leaves the working directory as it is
    return tuple(path.resolve() for path in paths or [])


def require_folder(store: Path, *, exists: bool = False, writable: bool = False) -> None:
    """Raises UsageError for a store that cannot be a folder, be read or, if asked, be written."""
    try:
        is_there = store.exists()
    except OSError as error:  # a name of more letters than the file system takes
        raise UsageError(f"--store cannot be '{store}': {error.strerror}.") from None
    if not is_there:
        for parent in store.absolute().parents:
            if parent.exists() and not parent.is_dir():
                raise UsageError(f"--store is '{store}', but '{parent}' is a file.")
        if exists:
            raise UsageError(
                f"There is no store at '{store}'; `fmnbench run` makes one, or use --store."
            )
        return
    if not store.is_dir():
        raise UsageError(f"--store is '{store}', a file; it must be a folder.")
    if not os.access(store, os.R_OK | os.X_OK):
        raise UsageError(f"The store '{store}' cannot be read: its permissions forbid it.")
    if writable and not os.access(store, os.W_OK):
        raise UsageError(f"The store '{store}' cannot be written: its permissions forbid it.")


StoreOption = Annotated[
    Path,
    typer.Option("--store", metavar="DIR", help="Folder of the records.", readable=False),
]
PluginOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin", metavar="FILE", help="Python file that registers components. Repeatable."
    ),
]
SuiteOption = Annotated[
    list[str] | None,
    typer.Option(
        "--suite", metavar="NAME", help="Suite by name, or a path to a .toml file. Repeatable."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
