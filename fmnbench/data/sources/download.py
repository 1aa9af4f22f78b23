"""Downloads that are whole and checked, or absent; resumed where they broke off."""

import contextlib
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from fmnbench.data.sources.content import HEAD, describe, is_html
from fmnbench.data.sources.pace import DEFAULT, Pace
from fmnbench.data.sources.part import Part
from fmnbench.data.sources.remote import Remote, md5_of
from fmnbench.errors import DataError
from fmnbench.files import read_regular, sync_folder, write_atomically

__all__ = ["Remote", "download", "pin", "pinned", "present", "require_online"]

LARGEST_PIN = 4096  # bytes: a hash and the name of a file
_TRUE = ("1", "ON", "YES", "TRUE")  # what huggingface_hub takes for true


def download(
    remote: Remote,
    target: Path,
    *,
    progress: Callable[[int, int | None], None] | None = None,
    timeout: float = 30.0,
    pace: Pace = DEFAULT,
) -> str:
    """Returns the SHA-256 (hex) of the file at `target`, downloaded unless it is there already.

    It must have the remote's SHA-256 and MD5 and the pinned SHA-256, as far as these are known.
    The file appears whole or not at all: it grows as `<target>.part`, which stays where the
    network fails or Ctrl-C is pressed, and is continued by the next call. When two processes want
    one file, the second waits for the first (`<target>.lock`). `progress` gets the bytes so far
    and in all; `timeout` is the seconds without a byte after which a server has stalled, `pace`
    the least that it must send.

    Raises:
        DataError: not reachable, refused, too slow, a web page instead of data, truncated, too
            large, another hash than expected, or the disk cannot take it.
    """
    expected = _expected(remote, target)
    part = Part(target.with_name(target.name + ".part"))
    try:
        with _locked(target):
            there = _accepted(remote, target, expected)
            if there is not None:
                part.discard()
                return there
            from fmnbench.data.sources.transfer import Transfer  # imports requests

            Transfer(
                remote=remote,
                part=part,
                trusted=expected is not None,
                timeout=timeout,
                pace=pace,
                progress=progress,
            ).run()
            return _accept(part, remote, target, expected)
    except OSError as error:
        raise DataError(f"{target} cannot be written: {error.strerror or error}") from error


def present(remote: Remote, target: Path) -> str | None:
    """Returns the SHA-256 of `target` where it is pinned and is the remote file, else None."""
    expected = pinned(target)
    return expected and _accepted(remote, target, expected)


def pinned(target: Path) -> str | None:
    """Returns the SHA-256 that was recorded when `target` first came, or None.

    Raises:
        DataError: the record is not a SHA-256, or cannot be read.
    """
    path = _pin(target)
    if not path.exists():
        return None
    try:
        found = re.match(rb"[0-9a-f]{64}\b", read_regular(path, LARGEST_PIN))
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error})") from error
    if found is None:
        raise DataError(f"{path} does not start with a sha256; delete it to record a new one")
    return found[0].decode()


def pin(target: Path, sha256: str) -> None:
    """Records the SHA-256 of `target` in `<target>.sha256`, in the form `sha256sum -c` reads.

    Raises:
        DataError: another one is recorded.
    """
    before = pinned(target)
    if before not in (None, sha256):
        raise DataError(f"{target} has sha256 {sha256}; recorded in {_pin(target)} is {before}")
    write_atomically(_pin(target), f"{sha256}  {target.name}\n".encode())


def require_online(offline: bool, what: str) -> None:
    """Checks that the network may be used.

    Raises:
        DataError: `offline`, or HF_HUB_OFFLINE is set to a true value.
    """
    by_variable = os.environ.get("HF_HUB_OFFLINE", "").upper() in _TRUE
    if offline or by_variable:
        cause = "" if offline else " (HF_HUB_OFFLINE is set)"
        raise DataError(f"offline: {what} not downloaded{cause}")


def _accepted(remote: Remote, target: Path, expected: str | None) -> str | None:
    """Returns the SHA-256 of an earlier download that is as expected, else None."""
    if not target.is_file() or remote.size not in (None, target.stat().st_size):
        return None
    if remote.md5 is not None and md5_of(target) != remote.md5:
        return None
    found = _sha256(target)
    return found if expected in (None, found) else None


def _expected(remote: Remote, target: Path) -> str | None:
    """Returns the SHA-256 that the file must have, where one is known."""
    given, recorded = remote.sha256 and remote.sha256.lower(), pinned(target)
    if given and recorded and given != recorded:
        raise DataError(
            f"{_pin(target)} says sha256 {recorded}, the data set says {given}; "
            f"delete the former to go by the latter"
        )
    return given or recorded


@contextlib.contextmanager
def _locked(target: Path) -> Iterator[None]:
    """Keeps other processes away from `target`; waits for the one that is there first."""
    import filelock

    target.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(target.with_name(target.name + ".lock")):
        yield


def _accept(part: Part, remote: Remote, target: Path, expected: str | None) -> str:
    """Moves a whole part to its place and returns its SHA-256.

    Raises:
        DataError: it is empty, a web page, or has another hash; it is then deleted.
    """
    with part.path.open("rb") as file:
        head = file.read(HEAD)
    found = _sha256(part.path)
    if expected is not None and found != expected:
        part.discard()
        looks = f" and looks like {describe(head)}" if is_html(head) else ""
        raise DataError(f"{remote.url} has sha256 {found}{looks}; expected is {expected}")
    if remote.md5 is not None and (md5 := md5_of(part.path)) != remote.md5:
        part.discard()
        looks = f" and looks like {describe(head)}" if is_html(head) else ""
        raise DataError(f"{remote.url} has MD5 {md5}{looks}; expected is {remote.md5}")
    if expected is None and (not head or is_html(head)):
        part.discard()
        raise DataError(f"{remote.url} gave {describe(head)} instead of data{remote.advice}")
    part.path.replace(target)
    part.discard()
    sync_folder(target.parent)
    return found


def _pin(target: Path) -> Path:
    return target.with_name(target.name + ".sha256")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
