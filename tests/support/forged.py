"""Records as somebody makes them who knows the format: the checksum fits whatever they hold."""

import hashlib
import json


def forged(record, change):
    """Returns the bytes of a record after a change of its fields, with a checksum that fits."""
    fields = json.loads(record)
    change(fields)
    fields.pop("checksum")
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    fields["checksum"] = hashlib.sha256(text.encode()).hexdigest()
    return json.dumps(fields, ensure_ascii=False).encode()
