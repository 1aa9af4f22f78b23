"""A build hook: the wheel carries the suites of `benchmarks` and the values that they cite."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Suites(BuildHookInterface):
    """Puts each TOML and CSV file of `benchmarks` into `fmnbench/benchmarks` of a wheel.

    A folder named in `force-include` would bring `benchmarks/speed` and everything else along.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the files; an editable install reads them from the checkout."""
        if version == "editable":
            return
        for path in sorted(Path(self.root, "benchmarks").iterdir()):
            if path.suffix in {".toml", ".csv"}:
                build_data["force_include"][str(path)] = f"fmnbench/benchmarks/{path.name}"
