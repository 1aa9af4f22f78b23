"""What the first bytes of a file are: an archive, text, a web page that took its place."""

import html
import re
import tarfile

from fmnbench.printable import printable

HEAD = 1 << 16  # bytes that are enough to name a file, and to find the title of a web page
TITLE = 80  # characters of a page's title that are shown
_ARCHIVES = {
    b"PK\x03\x04": "a zip archive",
    b"PK\x05\x06": "an empty zip archive",
    b"\x1f\x8b": "gzip data",
    b"BZh": "bzip2 data",
    b"\xfd7zXZ\x00": "xz data",
    b"\x28\xb5\x2f\xfd": "zstandard data",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a rar archive",
}


def describe(head: bytes) -> str:
    """Returns in a few words what a file that starts with `head` looks like."""
    if not head:
        return "an empty file"
    if is_html(head):
        return page(head)
    for magic, name in _ARCHIVES.items():
        if head.startswith(magic):
            return name
    if is_tar(head):
        return "a tar archive"
    return "text" if _is_text(head) else "data of an unknown kind"


def is_html(head: bytes) -> bool:
    """Whether a file that starts with `head` is a web page."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:200].lower()
    start = re.sub(rb"^(<\?xml[^>]*>|<!--.*?-->|\s)+", b"", start, flags=re.DOTALL)
    return re.match(rb"<(!doctype html|html|head|body|title)\b", start) is not None


def page(head: bytes) -> str:
    """Returns "an HTML page", with its title where `head` holds one; safe to print."""
    found = re.search(rb"<title[^>]*>(.*?)</title", head, flags=re.DOTALL | re.IGNORECASE)
    if found is None:
        return "an HTML page"
    title = printable(html.unescape(found[1].decode(errors="replace")))
    return f"an HTML page titled '{title[:TITLE]}'" if title else "an HTML page"


def is_tar(head: bytes) -> bool:
    """Whether `head` starts with a tar header whose checksum holds (old forms have no magic)."""
    try:
        tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


def _is_text(head: bytes) -> bool:
    """Whether `head` is UTF-8, up to a character that its end may have cut."""
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data" and b"\0" not in head
    return b"\0" not in head
