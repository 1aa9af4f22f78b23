"""Files on the network: where they are, and whether what comes from there can be believed."""

import dataclasses
import ipaddress
import urllib.parse
from typing import Literal

from fmnbench.errors import DataError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Remote:
    """A file on the network.

    `url` of kind "drive" is https://drive.google.com/uc?id=ID. `sha256` is 64 hex digits, `size`
    is in bytes; None for what is not known.
    """

    url: str
    kind: Literal["https", "drive"]
    sha256: str | None = None
    size: int | None = None

    @property
    def advice(self) -> str:
        """What to do where Google Drive only serves people, to follow an error; else empty."""
        if self.kind == "https":
            return ""
        return f"; get it in a browser from {self.url}, then: fmnbench data import"


def check_url(url: str, *, trusted: bool) -> None:
    """Checks that nobody on the way to `url` can have altered what comes from it.

    `trusted` says that the content will be checked by a SHA-256.

    Raises:
        DataError: not https; http is allowed to this machine itself and where `trusted`.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https":
        return
    if parts.scheme != "http" or not (trusted or _is_loopback(parts.hostname or "")):
        raise DataError(f"{url} is not https and its sha256 is not known; not downloaded")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
