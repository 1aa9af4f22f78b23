"""What has arrived of a file, with a note of where it came from."""

import dataclasses
import json
from pathlib import Path

from fmnbench.files import read_regular, write_atomically

LARGEST_NOTE = 1 << 16  # bytes; a header of an answer, which it quotes, has no more


@dataclasses.dataclass(frozen=True, kw_only=True)
class Origin:
    """The file on the server that a part is of."""

    url: str
    validator: str | None  # strong ETag, or else Last-Modified
    total: int | None  # bytes of the whole file


@dataclasses.dataclass(frozen=True)
class Part:
    """The first bytes of a file at `path`; its note keeps two files from being spliced."""

    path: Path

    @property
    def note(self) -> Path:
        return self.path.with_name(self.path.name + ".json")

    @property
    def size(self) -> int:
        """The bytes that have arrived."""
        return self.path.stat().st_size if self.path.exists() else 0

    def origin(self, url: str) -> Origin | None:
        """Returns what there is to go on with of the file at `url`."""
        try:
            origin = Origin(**json.loads(read_regular(self.note, LARGEST_NOTE)))
        except (OSError, ValueError, TypeError):
            return None
        return origin if self.size and origin.url == url else None

    def begin(self, origin: Origin) -> None:
        """Forgets what was there; the next bytes are the first of `origin`."""
        self.discard()
        write_atomically(self.note, json.dumps(dataclasses.asdict(origin)).encode())

    def discard(self) -> None:
        """Removes the part and its note."""
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)
