"""A record: what the file of one run holds, and how its bytes become a Result again."""

import dataclasses
import functools
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any, ClassVar

import pydantic

from fmnbench.errors import NewerRecord, RecordError
from fmnbench.spec import SCHEMA, Result, canonical_json, identity


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record(Result):
    """A result as its file holds it.

    `checksum` is the SHA-256 in hex of the canonical JSON of all other fields, `key` among them.
    """

    __pydantic_config__: ClassVar = pydantic.ConfigDict(allow_inf_nan=False)

    key: str
    checksum: str

    @property
    def result(self) -> Result:
        """The result alone."""
        return Result(**{name: getattr(self, name) for name in _RESULT_FIELDS})


INDENTATION = re.compile(rb"\n *")
_RESULT_FIELDS = tuple(field.name for field in dataclasses.fields(Result))


def dump(result: Result) -> bytes:
    """Returns the bytes of a record's file: indented JSON with sorted keys, read back once.

    What JSON cannot hold (a NaN), or what would read back as something else (an int where the
    spec means a float), is a RecordError.
    """
    name = f"Run {result.spec.key} cannot be stored"
    try:
        again = parse(_text(result), name).result
    except ValueError as error:  # NaN, infinity or text that is not Unicode
        raise RecordError(f"{name}: {error}.") from None
    if again != result:
        raise RecordError(f"{name}: JSON would change one of its values.")
    return _text(again)  # metrics given as ints are floats from here on


def parse(data: bytes, name: str) -> Record:
    """Returns the record that bytes hold.

    Bytes that are truncated, altered, of another schema or of another key, or that hold a number
    that is not finite, are a RecordError that starts with `name` and says what is wrong: a
    NewerRecord where the schema is a later one, or where an unaltered record has fields that this
    version does not know.
    """
    try:
        record = _as_written(_reader()(data, strict=True, extra="forbid"), data)
    except pydantic.ValidationError as error:
        _require_known_schema(data, name)
        _require_known_fields(data, name, error)
        raise RecordError(f"{name}: {_complaint(error)}") from None
    if record.schema != SCHEMA:
        _require_known_schema(data, name)
    if not _is_whole(data, record.checksum):
        raise RecordError(f"{name}: its checksum does not match; it was altered.")
    if record.key != record.spec.key:
        raise RecordError(f"{name}: its key {record.key} does not match its spec.")
    return record


def _text(result: Result) -> bytes:
    fields: dict[str, Any] = {**identity(result), "key": result.spec.key}
    fields["checksum"] = hashlib.sha256(canonical_json(fields).encode()).hexdigest()
    text = json.dumps(
        fields,
        indent=1,
        sort_keys=True,
        separators=(",", ":"),  # without indentation this is the canonical JSON
        ensure_ascii=False,
    )
    return f"{text}\n".encode()


@functools.cache
def _reader() -> Callable[..., Record]:
    return pydantic.TypeAdapter(Record).validate_json  # 60 ms: only once, and not at import


def _as_written(record: Record, data: bytes) -> Record:
    """Returns a record with the meaning that fields had when its file was written.

    Where a file does not say what `patience` watches, it is from before there was a choice: the
    loss. Files of later runs that watch the bound say so.
    """
    track = record.spec.track
    if track.patience is None or b'"patience_watches":' in data:
        return record
    track = dataclasses.replace(track, patience_watches="loss")
    return dataclasses.replace(record, spec=dataclasses.replace(record.spec, track=track))


def _is_whole(data: bytes, checksum: str) -> bool:
    """Returns whether a record's other fields have its checksum.

    As long as nobody has reformatted a file, its canonical JSON is its text without the line
    breaks and indentation, which is four times as fast as to parse and write all numbers.
    """
    flat = INDENTATION.sub(b"", data)
    head = f'{{"checksum":"{checksum}",'.encode()
    if flat.startswith(head):
        return hashlib.sha256(b"{" + flat[len(head) :]).hexdigest() == checksum
    fields = json.loads(data)
    del fields["checksum"]
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest() == checksum


def _require_known_schema(data: bytes, name: str) -> None:
    """Raises NewerRecord for JSON of a later schema, and RecordError for one of another."""
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError):
        return
    schema = fields.get("schema") if isinstance(fields, dict) else None
    if not isinstance(schema, int) or schema == SCHEMA:
        return
    if schema > SCHEMA:
        raise NewerRecord(
            f"{name}: it was written by a newer fmnbench (schema {schema}; this version knows "
            f"{SCHEMA}); upgrade fmnbench to read it."
        )
    raise RecordError(f"{name}: its schema is {schema}; this version knows {SCHEMA}.")


def _require_known_fields(data: bytes, name: str, error: pydantic.ValidationError) -> None:
    """Raises NewerRecord where nothing is wrong with a record but fields that were added later."""
    details = error.errors()
    if any(each["type"] != "unexpected_keyword_argument" for each in details):
        return
    if _is_whole(data, str(json.loads(data)["checksum"])):
        fields = ", ".join(".".join(map(str, each["loc"])) for each in details)
        raise NewerRecord(
            f"{name}: it was written by a newer fmnbench (this version does not know its "
            f"{fields}); upgrade fmnbench to read it."
        )


def _complaint(error: pydantic.ValidationError) -> str:
    """Returns one line on bytes that are not a record."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return f"not JSON, or cut off: {first['ctx']['error']}."
    place = ".".join(str(part) for part in first["loc"]) or "the whole"
    return f"not a record: {place}: {first['msg']}."
