"""How a number was made: versions, commit, machine; free of host names and of torch."""

import datetime
import hashlib
import importlib.metadata
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fmnbench
from fmnbench.registry import Registry, architectures, critics, datasets, remedies
from fmnbench.spec import Provenance, RunSpec


def provenance(
    *, device: str, device_name: str | None, threads: int, dataset: str, plugins: Mapping[str, str]
) -> Provenance:
    """Returns the record's account of this process and machine, as of now.

    `dataset` is the SHA-256 of the data, `plugins` are those of files by their names; `seconds` is
    filled in when the run has ended.
    """
    commit, dirty = _checkout(Path(fmnbench.__file__).parent)
    return Provenance(
        fmnbench=fmnbench.__version__,
        git_commit=commit,
        git_dirty=dirty,
        python=platform.python_version(),
        torch=importlib.metadata.version("torch"),
        device=device,
        device_name=device_name or _processor(),
        threads=threads,
        dataset_sha256=dataset,
        started=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        seconds=0.0,
        plugins=plugins,
    )


def used_plugins(spec: RunSpec) -> dict[str, str]:
    """Returns the SHA-256 of the files of plug-ins whose components a run is made of, by name."""
    parts: tuple[tuple[Registry[Any], str], ...] = (
        (datasets, spec.track.dataset),
        (architectures, spec.track.architecture),
        (critics, spec.critic),
        (remedies, spec.objective),
    )
    found: dict[str, str] = {}
    for registry, name in parts:
        found |= registry.sources(name)
    return found


def _checkout(package: Path) -> tuple[str | None, bool | None]:
    """Returns the commit of the checkout that the package was installed from, and if it differs.

    (None, None) for a package that does not lie in a checkout of fmnbench.
    """
    top = _git(package, "rev-parse", "--show-toplevel")
    if top is None or not (Path(top) / "fmnbench" / "spec.py").is_file():
        return None, None
    source = Path(top) / "fmnbench"
    edited = bool(_git(package, "-C", top, "status", "--porcelain", "--", "fmnbench"))
    return _git(package, "rev-parse", "HEAD"), edited or _code(source) != _code(package)


def _code(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        total.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return total.hexdigest()


def _git(folder: Path, *arguments: str) -> str | None:
    """Returns what a git command prints, or None where there is no git or no checkout."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _processor() -> str:
    """Returns the processor's model name."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
