"""Errors that a user can act on: one line each, printed without a traceback."""

import difflib
from collections.abc import Iterable, Mapping


class FmnbenchError(Exception):
    """The base of every error that is the user's to mend; its text is one line."""


class UsageError(FmnbenchError):
    """What was asked for does not exist or is not allowed."""


class ComponentError(FmnbenchError):
    """A component's own file does not work; what does not need it goes on."""


class RecordError(FmnbenchError):
    """A stored record cannot be trusted: truncated, altered or of an unknown schema."""

    label = "corrupt record"


class NewerRecord(RecordError):  # noqa: N818 - the record is fine; this version is too old for it
    """A stored record was written by a newer fmnbench, in a schema that this one does not know."""

    label = "newer record"


class DataError(FmnbenchError):
    """Data cannot be had or cannot be trusted: what was given and what is wrong with it."""


class MachineError(FmnbenchError):
    """The machine is at fault, not a run: its disk, its folders or its processes."""


class WriteError(MachineError, OSError):
    """A file cannot be written: the disk is full, or its folder is read-only or a file."""

    def __str__(self) -> str:
        return f"{self.filename} cannot be written: {self.strerror}."


class Declined(FmnbenchError):  # noqa: N818 - a component says no, with its reason; nothing broke
    """A component does not apply to this task; the text is the reason a board shows."""


class DataMissing(Declined):
    """The data of a run are not on this machine; the text has the command that gets them."""


class Diverged(FmnbenchError):  # noqa: N818 - the name of the status that it leads to
    """A loss stopped being finite; the text says where, `curve` holds the epochs before."""

    curve: tuple[Mapping[str, float], ...] = ()


def text_of(error: BaseException) -> str:
    """Returns an error's text in one line; what is wrong with it where its own `str` raises."""
    try:
        return " ".join(str(error).split())
    except Exception as second:
        return f"its text cannot be had, as str() of it raises a {type(second).__name__}"


def unknown(kind: str, given: str, allowed: Iterable[str]) -> UsageError:
    """Returns an error that says what was given, the nearest guess and what is allowed."""
    names = sorted(allowed)
    guesses = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    guess = f" Did you mean '{guesses[0]}'?" if guesses else ""
    return UsageError(f"Unknown {kind} '{given}'.{guess} Known: {', '.join(names) or 'none'}.")
