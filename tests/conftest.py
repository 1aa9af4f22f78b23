import dataclasses
import os
import signal
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from fmnbench.cli.main import main
from fmnbench.data.acquire import import_files
from fmnbench.data.cache import manifest
from fmnbench.registry import REGISTRIES
from fmnbench.spec import Provenance, Result, RunSpec, Track

pytest_plugins = ["web_server", "curve_records", "digits_runs", "fault_runs"]
REAL = {  # datasets that files of real data make
    "omniglot": ("omniglot/images_28x28.zip",),
    "yahoo-10k": ("yahoo/val.txt", "yahoo/test.txt"),
}
PROVENANCE = Provenance(
    fmnbench="0.1.0",
    git_commit=None,
    git_dirty=None,
    python="3.11.9",
    torch="2.13.0",
    device="cpu",
    device_name="a processor",
    threads=2,
    dataset_sha256="ab" * 32,
    started="2026-01-01T00:00:00+00:00",
    seconds=4.5,
)
TRACK = Track(
    name="toy-mlp",
    dataset="toy",
    architecture="mlp",
    epochs=30,
    batch_size=1024,
    learning_rate=2e-4,
    precision="float64",
)
SPEC = RunSpec(
    track=TRACK,
    critic="none",
    critic_settings={},
    objective="elbo",
    objective_settings={},
    lambda_=0.0,
    seed=0,
    dataset_fingerprint="ab" * 8,
    versions={"training": "1"},
)


@pytest.fixture(scope="session")
def make_result():
    """Returns a builder of hand-made results: fields of spec, track, provenance and Result."""

    def build(*, track=None, provenance=None, status="done", **fields):
        names = {field.name for field in dataclasses.fields(RunSpec)}
        of_spec = {name: fields.pop(name) for name in names & fields.keys()}
        return Result(
            spec=dataclasses.replace(
                SPEC, track=dataclasses.replace(TRACK, **(track or {})), **of_spec
            ),
            status=status,
            provenance=dataclasses.replace(PROVENANCE, **(provenance or {})),
            **fields,
        )

    return build


@pytest.fixture(scope="session")
def row(make_result):
    """Returns a builder of a row's results: one per seed, with one metric's values."""

    def build(values, metric="nll", **fields):
        more = fields.pop("metrics", {})
        return [
            make_result(seed=seed, metrics={metric: value, **more}, **fields)
            for seed, value in values.items()
        ]

    return build


class Outcome(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def complaint(self):
        """The one line that a mistake gets."""
        assert self.err.endswith("\n")
        assert self.err.count("\n") == 1, self.err
        return self.err.rstrip()


@pytest.fixture(scope="session")
def exit_code():
    """Returns the command as a function: its arguments to its exit code."""

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        return ended.value.code

    return run


@pytest.fixture
def fmnbench(capsys, exit_code):
    """Returns the command as a function: its arguments to exit code, output and errors."""

    def run(*arguments):
        capsys.readouterr()
        code = exit_code(*arguments)
        return Outcome(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session", autouse=True)
def no_cache_of_the_users(tmp_path_factory):
    """Points the cache, also that of workers, to an empty folder for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FMNBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hugging_face")))
        patch.delenv("HF_HUB_OFFLINE", raising=False)
        yield


@pytest.fixture
def cache(tmp_path_factory, monkeypatch):
    """Returns the folder of a cache of the test's own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("FMNBENCH_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def real():
    """Returns a function from a name to a file of real data; it skips where that is missing."""

    def find(name):
        folders = [os.environ.get("FMNBENCH_TEST_DATA"), Path(__file__).parents[2] / "shared/data"]
        for folder in folders:
            if folder and (Path(folder) / name).is_file():
                return Path(folder) / name
        pytest.skip(f"{name} is not in FMNBENCH_TEST_DATA")

    return find


@pytest.fixture(scope="session")
def real_cache(real, tmp_path_factory):
    """Returns a function from a dataset to a cache that has it, made once of real files."""
    folder = tmp_path_factory.mktemp("real_cache")

    def imported(name):
        paths = [real(path) for path in REAL[name]]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FMNBENCH_CACHE", str(folder))
            if manifest(name) is None:
                import_files(name, paths)
        return folder

    return imported


@pytest.fixture(scope="session", autouse=True)
def ctrl_c():
    """Lets Ctrl-C interrupt, as on a terminal; a job in the background inherits that it is not."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module", autouse=True)
def registers_of_the_module():
    """Forgets after each file of tests what its fixtures have registered."""
    yield from _restored()


@pytest.fixture
def registers():
    """Returns the registers; what a test registers is forgotten after it."""
    yield from _restored()


def _restored():
    before = {}
    for label, registry in REGISTRIES.items():
        registry.entries()
        before[label] = (dict(registry._entries), dict(registry._objects))
    yield REGISTRIES
    for label, registry in REGISTRIES.items():
        entries, objects = before[label]
        # a built-in that was imported meanwhile stays: its file would not run a second time
        imported = {name: each for name, each in registry._objects.items() if name in entries}
        registry._entries, registry._objects = entries, imported | objects
    for name in [name for name in sys.modules if name.startswith("fmnbench_plugin_")]:
        del sys.modules[name]
