"""The rows of `fmnbench data list`, and their text."""

from collections.abc import Mapping

from fmnbench.data import cache
from fmnbench.data.cache import SPLITS
from fmnbench.data.catalogue import cached_class
from fmnbench.data.dataset import CachedDataset
from fmnbench.data.identity import declared
from fmnbench.errors import ComponentError
from fmnbench.registry import Entry, datasets

SHOWN = 16  # hex digits of a fingerprint
NAMES = {"train": "training", "validation": "validation", "test": "test"}  # of splits, in words


def rows() -> list[dict[str, object]]:
    """Returns what is known of each dataset, and of the data that users have named."""
    lines = []
    for entry in datasets.entries():
        known, broken = None, entry.broken
        try:
            known = None if broken else cached_class(entry.name)
        except ComponentError as error:
            broken = str(error)
        named = cache.user_names(entry.name) if known and known.user_named else []
        lines += [_row(entry, name, known, broken) for name in (entry.name, *named)]
    return lines


def _row(
    entry: Entry, name: str, known: type[CachedDataset] | None, broken: str | None
) -> dict[str, object]:
    manifest = cache.manifest(name) if known else None
    expected = declared(name)
    statistics = manifest.statistics if manifest else vars(expected) if expected else {}
    embedded = known is None and broken is None
    return {
        "name": name,
        "summary": entry.summary,
        "rows": statistics.get("rows"),
        "statistics": {key: value for key, value in statistics.items() if value is not None},
        "source": entry.source,
        "licence": entry.attributes.get("licence", "unknown"),
        "sources": {each.name: each.summary for each in known.sources} if known else {},
        "import": known.accepts if known else None,
        "embedded": embedded,
        "installed": embedded or manifest is not None,
        "made_from": manifest.source if manifest else None,
        "files": dict(manifest.files) if manifest else {},
        "dropped": dict(manifest.dropped) if manifest else {},
        "labels_dropped": manifest.labelled if manifest else False,
        "fingerprint": statistics.get("sha256") if embedded or manifest else None,
        "broken": broken,
    }


def paragraphs(line: Mapping[str, object]) -> list[str]:
    """Returns the text beside a dataset's name."""
    sizes, sources = line["rows"], line["sources"]
    parts = [
        " / ".join(f"{size:,}" for size in _ordered(sizes)) + " rows" if sizes else "",
        f"licence {line['licence']}",
        str(line["source"]),
    ]
    origins = (
        ", ".join(f"{name}: {text}" for name, text in sources.items())
        if isinstance(sources, Mapping)
        else ""
    )
    return [
        f"BROKEN: {line['broken']}" if line["broken"] else _state(line),
        str(line["summary"]),
        " · ".join(part for part in parts if part),
        f"fetch from {origins}" if origins else "",
        f"import {line['import']}" if line["import"] else "",
    ]


def counted_rows(statistics: Mapping[str, object]) -> str:
    """Returns the rows of each split in words."""
    sizes = zip(_ordered(statistics["rows"]), NAMES.values(), strict=True)
    return ", ".join(f"{size:,} {name}" for size, name in sizes) + " rows"


def percent(statistics: Mapping[str, object]) -> str:
    """Returns the share of unknown words in each split of texts, in percent."""
    shares = statistics["unknown"]
    assert isinstance(shares, Mapping)
    return ", ".join(f"{100 * shares[split]:.1f} % {name}" for split, name in NAMES.items())


def _state(line: Mapping[str, object]) -> str:
    if line["embedded"]:
        return "embedded"
    if not line["installed"]:
        return "not installed"
    dropped, statistics = line["dropped"], line["statistics"]
    assert isinstance(dropped, Mapping)
    assert isinstance(statistics, Mapping)
    parts = [f"installed, {str(line['fingerprint'])[:SHOWN]}, from {line['made_from']}"]
    parts += [f"{count:,} {kind} lines left out" for kind, count in dropped.items() if count]
    parts += ["labels dropped"] if line["labels_dropped"] else []
    parts += [f"unknown words: {percent(statistics)}"] if statistics.get("unknown") else []
    return "; ".join(parts)


def _ordered(sizes: object) -> list[int]:
    assert isinstance(sizes, Mapping)
    return [sizes[split] for split in SPLITS]
