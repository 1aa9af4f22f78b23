"""A file on this machine, before anybody parses it: is it there, and no web page in its place."""

from collections.abc import Sequence
from pathlib import Path

from fmnbench.data.sources import content
from fmnbench.errors import DataError
from fmnbench.files import read_regular


def require(path: Path, form: str) -> None:
    """Raises DataError where a path is no readable file, empty, or a web page in its place."""
    try:
        with path.open("rb") as file:
            head = file.read(content.HEAD)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); expected {form}.") from error
    if not head or content.is_html(head):
        raise DataError(f"{path} is {content.describe(head)}; expected {form}.")


def read(path: Path, form: str, most: int) -> bytes:
    """Returns a file's content, of at most so many bytes; raises DataError as `require` does."""
    require(path, form)
    try:
        return read_regular(path, most)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); expected {form}.") from error


def find(folder: Path, names: Sequence[str]) -> Path | None:
    """Returns the first file below a folder that has one of these names, the first name first.

    None where there is no such file, or the path is no folder.
    """
    for name in names:
        found = sorted(folder.rglob(name)) if folder.is_dir() else []
        if found:
            return found[0]
    return None
