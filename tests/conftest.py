import dataclasses

import pytest

from fmnbench.spec import Provenance, Result, RunSpec, Track

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
