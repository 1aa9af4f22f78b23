"""A field that a later version adds: in a copy of the package that has one, old records hold."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fmnbench
from fmnbench.errors import NewerRecord, RecordError
from fmnbench.records import schema
from fmnbench.records.store import Store

RECORDS = Path(__file__).parents[1] / "leaderboards" / "results"
KINDS = ("Track", "Task", "RunSpec", "Provenance", "Attempt", "Result")
HOLDS = """
import dataclasses, json, sys
from pathlib import Path
from fmnbench.records import schema
from fmnbench.spec import Attempt

answer = {"keys": {}, "same": True}
for name in sys.argv[1:]:
    data = Path(name).read_bytes()
    result = schema.parse(data, name).result
    answer["keys"][name] = result.spec.key
    answer["same"] &= schema.dump(result) == data
spec = result.spec
later = dataclasses.replace(spec, made_up="a")
track = dataclasses.replace(spec, track=dataclasses.replace(spec.track, made_up="a"))
answer["moved"] = [spec.key, later.key, track.key]
answer["rows"] = [spec.task.row, later.task.row]
whole = dataclasses.replace(
    result,
    spec=later,
    provenance=dataclasses.replace(result.provenance, made_up="b"),
    history=(Attempt(status="failed", error=None, made_up="c"),),
    made_up="d",
)
answer["text"] = schema.dump(whole).decode()
answer["back"] = schema.parse(schema.dump(whole), "it").result == whole
print(json.dumps(answer))
"""


def with_a_later_field(text):
    """The text of spec.py, in which every dataclass has one more field."""
    for kind in KINDS:
        body = re.search(rf"^class {kind}:\n    \"\"\".*?\"\"\"\n", text, re.S | re.M)
        field = "\n    made_up: str | None = added(None)\n"
        text = text[: body.end()] + field + text[body.end() :]
    return text


@pytest.fixture(scope="module")
def later(tmp_path_factory):
    """What a later version says of the committed records."""
    folder = tmp_path_factory.mktemp("later")
    package = Path(fmnbench.__file__).parent
    for room in ("records", "."):
        (folder / "fmnbench" / room).mkdir(parents=True, exist_ok=True)
        for path in (package / room).glob("*.py"):
            shutil.copy(path, folder / "fmnbench" / room)
    spec = folder / "fmnbench" / "spec.py"
    spec.write_text(with_a_later_field(spec.read_text()))
    files = sorted(map(str, RECORDS.glob("*/*.json")))
    done = subprocess.run(
        [sys.executable, "-P", "-c", HOLDS, *files],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(folder)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_committed_record_keeps_its_key_and_its_bytes_in_a_later_version(later):
    results, errors = Store(RECORDS).results()
    assert not errors
    assert sorted(later["keys"].values()) == sorted(result.spec.key for result in results)
    assert later["same"]


def test_a_later_field_that_is_set_moves_the_key_and_the_row_and_comes_back(later):
    assert len(set(later["moved"])) == 3
    without, having = later["rows"]
    assert having == without[:-1] + ',{"made_up":"a"}]'
    assert later["back"]


def test_a_record_with_a_later_field_is_newer_to_this_version_and_not_corrupt(later):
    with pytest.raises(NewerRecord) as caught:
        schema.parse(later["text"].encode(), "it")
    fields = "spec.made_up, provenance.made_up, history.0.made_up, made_up"
    assert str(caught.value).startswith("it: it was written by a newer fmnbench (this version ")
    assert all(field in str(caught.value) for field in fields.split(", "))
    altered = later["text"].replace('"made_up":"d"', '"made_up":"e"')
    with pytest.raises(RecordError, match="not a record") as caught:
        schema.parse(altered.encode(), "it")
    assert not isinstance(caught.value, NewerRecord)


def test_no_committed_record_changes_when_it_is_written_again():
    for path in RECORDS.glob("*/*.json"):
        data = path.read_bytes()
        assert schema.dump(schema.parse(data, path.name).result) == data
