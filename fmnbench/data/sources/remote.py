"""Files on the network: where they are, and whether a download from there can be trusted."""

import dataclasses
import hashlib
import ipaddress
import urllib.parse
from pathlib import Path
from typing import Literal

from fmnbench.errors import DataError

DRIVE = "https://drive.google.com/uc?id="


@dataclasses.dataclass(frozen=True, kw_only=True)
class Remote:
    """A file on the network.

    The `url` of kind "drive" is https://drive.google.com/uc?id=ID. `sha256` has 64 hex digits,
    `md5` has 32, `size` is in bytes; each is None where it is not known. Authors often publish
    an MD5 only: it shows an accident or another file, but no deliberate forgery.
    """

    url: str
    kind: Literal["https", "drive"]
    sha256: str | None = None
    md5: str | None = None
    size: int | None = None

    @property
    def advice(self) -> str:
        """What to do where Google Drive requires a browser, to follow an error; else empty."""
        if self.kind == "https":
            return ""
        return f"; download {self.url} in a browser, then: fmnbench data import"


def https(url: str, *, md5: str | None = None) -> Remote:
    """Returns a file on a web server."""
    return Remote(url=url, kind="https", md5=md5)


def drive(identifier: str) -> Remote:
    """Returns a file on Google Drive."""
    return Remote(url=DRIVE + identifier, kind="drive")


def md5_of(path: Path) -> str:
    """Returns the MD5 of a file, 32 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def check_url(url: str, *, trusted: bool) -> None:
    """Checks that nobody between here and the server can alter what `url` sends.

    `trusted` says that the content will be checked by a SHA-256.

    Raises:
        DataError: not https; http is allowed to this machine itself and where `trusted`.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https":
        return
    if parts.scheme != "http" or not (trusted or _is_loopback(parts.hostname or "")):
        raise DataError(f"{url} is not https and its SHA-256 is not known; not downloaded")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
