"""How often the kernel has killed for memory, as control groups count it."""

import re
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")


def kernel_kills(own: Path = OWN, groups: Path = GROUPS) -> int | None:
    """Returns the number of processes of this process's group that were killed for memory.

    None where the kernel does not tell: not Linux, or no control group of memory is readable.
    """
    for path in _counters(own, groups):
        try:
            found = re.search(r"^oom_kill (\d+)$", path.read_text(), re.MULTILINE)
        except OSError:
            continue
        if found:
            return int(found[1])
    return None


def _counters(own: Path, groups: Path) -> list[Path]:
    """Returns the files that may have the count: of version 2, and of version 1."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, place = line.split(":", 2)
        if not controllers:
            folder, name = groups, "memory.events"
        elif "memory" in controllers.split(","):
            folder, name = groups / "memory", "memory.oom_control"
        else:
            continue
        # in a container the group may be mounted as the root
        found += [folder / place.lstrip("/") / name, folder / name]
    return found
