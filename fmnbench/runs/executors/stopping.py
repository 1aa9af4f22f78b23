"""Stopping a run from outside: whoever watches it leaves a note, which its worker reads."""

from pathlib import Path

from fmnbench.errors import Declined
from fmnbench.files import write_atomically
from fmnbench.records.store import Store

NOTE = "stop"  # in a run's work folder, which every machine that works on a store sees


def ask_to_stop(store: Store, key: str, reason: str) -> None:
    """Leaves a note that a run is to end after its current epoch, as skipped for this reason."""
    write_atomically(_note(store, key), reason.encode())


def stop_if_asked(store: Store, key: str) -> None:
    """Raises Declined with the reason of a note, which is taken away."""
    note = _note(store, key)
    try:
        reason = note.read_text()
    except FileNotFoundError:
        return
    note.unlink()
    raise Declined(reason)


def _note(store: Store, key: str) -> Path:
    return store.work(key) / NOTE
