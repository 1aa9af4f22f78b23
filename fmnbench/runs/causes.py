"""What an error means for the record of a run: its status, and its cause in one line."""

import traceback
from pathlib import Path

import torch

from fmnbench.errors import ComponentError, Declined, Diverged, text_of
from fmnbench.spec import Status

TORCH = str(Path(torch.__file__).parent)
OUT_OF_MEMORY = ("out of memory", "can't allocate memory")  # in torch's messages, GPU and CPU


def status_of(error: Exception) -> Status:
    """Returns how a run ends that raised an error."""
    if isinstance(error, Declined):
        return "skipped"
    if isinstance(error, Diverged):
        return "diverged"
    if isinstance(error, MemoryError) or any(text in text_of(error) for text in OUT_OF_MEMORY):
        return "out_of_memory"
    return "failed"


def one_line(error: Exception) -> str:
    """Returns an error as a record holds it; an unforeseen one with its type and place."""
    text = text_of(error)
    if isinstance(error, Declined | Diverged | ComponentError):
        return text
    frames = traceback.extract_tb(error.__traceback__)
    # a mistake in a call of torch is to be found where torch was called
    ours = [frame for frame in frames if not frame.filename.startswith(TORCH)]
    place = (ours or frames)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}"
    return f"{type(error).__name__}: {text} ({where})"
