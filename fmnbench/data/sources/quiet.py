"""Hugging Face `datasets` without its progress bars, which it draws even into a file."""

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def without_bars() -> Iterator[None]:
    """Keeps `datasets` from drawing progress bars within the block; afterwards it is as before."""
    import datasets  # type: ignore[import-untyped]  # it ships no types

    disabled = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if not disabled:
            datasets.enable_progress_bars()
