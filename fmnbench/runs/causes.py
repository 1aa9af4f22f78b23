"""What an error of a run is: the run's status, one line on the cause, or the machine's fault."""

import errno
import re
import traceback
from pathlib import Path

import torch

from fmnbench.errors import (
    ComponentError,
    DataError,
    DataMissing,
    Declined,
    Diverged,
    MachineError,
    text_of,
)
from fmnbench.spec import Status

TORCH = str(Path(torch.__file__).parent)
# torch's allocator for CPUs has no error of its own
CPU_ALLOCATOR = re.compile(r"\[enforce fail at alloc_cpu\.cpp:\d+\].*can't allocate memory")
FULL = (errno.ENOSPC, errno.EDQUOT)
LONGEST = 2000  # letters of an error in a record
CUT = "… (cut)"


def is_of_the_machine(error: BaseException) -> bool:
    """Whether no run can go on: a full disk, or data that are damaged, changed or gone."""
    if isinstance(error, OSError) and error.errno in FULL:
        return True
    return isinstance(error, MachineError | DataError | DataMissing)


def status_of(error: BaseException) -> Status:
    """Returns how a run ends by an error."""
    if isinstance(error, Declined):
        return "skipped"
    if isinstance(error, Diverged):
        return "diverged"
    return "out_of_memory" if _is_memory(error) else "failed"


def _is_memory(error: BaseException) -> bool:
    """Whether memory could not be had; the word of a component on it does not count."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = text_of(error)
    if isinstance(error, torch.AcceleratorError):
        return "out of memory" in text  # of CUDA itself, without torch's allocator
    return type(error) is RuntimeError and CPU_ALLOCATOR.match(text) is not None


def one_line(error: BaseException) -> str:
    """Returns the cause for a record: the error's kind, text and place, cut after LONGEST."""
    text = cut(text_of(error))
    if isinstance(error, Declined | Diverged | ComponentError):
        return text
    frames = traceback.extract_tb(error.__traceback__)
    # a mistake in a call of torch is to be found where torch was called
    ours = [frame for frame in frames if not frame.filename.startswith(TORCH)]
    place = (ours or frames)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}"
    return f"{type(error).__name__}: {text} ({where})"


def cut(text: str, longest: int = LONGEST) -> str:
    """Returns a text of at most so many letters, and a mark where there were more."""
    return text if len(text) <= longest else text[:longest].rstrip() + CUT
