"""The sources of a dataset: files on the network, or a dataset of the Hugging Face hub."""

import dataclasses
from collections.abc import Mapping

from fmnbench.data.sources.remote import Remote


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hub:
    """A dataset on the Hugging Face hub.

    Without a `revision`, the revision found at the first fetch is recorded and requested from
    then on.
    """

    repository: str
    revision: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """One source of a dataset: files by name, or a dataset of the hub.

    `members` are the MD5 hashes of files in the archives, by file name without folders; a file
    with another hash is refused after unpacking.
    """

    name: str
    summary: str
    files: Mapping[str, Remote] = dataclasses.field(default_factory=dict)
    members: Mapping[str, str] = dataclasses.field(default_factory=dict)
    hub: Hub | None = None
