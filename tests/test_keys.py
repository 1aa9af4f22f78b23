"""A run's key: the hash of all that determines its numbers."""

import dataclasses
import subprocess
import sys

from fmnbench.spec import KEY_LENGTH, RunSpec, Track, compared

GOLDEN = RunSpec(
    track=Track(
        name="toy-mlp",
        dataset="toy",
        dataset_settings={"rows_per_class": 20000},
        architecture="mlp",
        architecture_settings={"hidden": (8,), "latent": 4, "likelihood": "gaussian"},
        epochs=30,
        batch_size=1024,
        learning_rate=2e-4,
        precision="float64",
    ),
    critic="self",
    critic_settings={"temperature": 1.0, "direction": "x"},
    objective="elbo",
    objective_settings={},
    lambda_=20.0,
    seed=0,
    dataset_fingerprint="ab" * 32,
    versions={"critic": "1"},
)
GOLDEN_KEY = "debc3442890d6c3f"  # a moved key orphans every record that was ever made
OTHER = {  # of each field, a value that is not the golden one's
    "critic": "neural",
    "critic_settings": {"temperature": 2.0, "direction": "x"},
    "objective": "beta",
    "objective_settings": {"beta": 0.5},
    "lambda_": 20.5,
    "seed": 1,
    "dataset_fingerprint": "ac" * 32,
    "versions": {"critic": "2"},
    "judged": "validation",
}
OTHER_TRACK = {
    "name": "toy-mlp.v2",
    "dataset": "digits",
    "dataset_settings": {"rows_per_class": 2000},
    "architecture": "linear-gaussian",
    "architecture_settings": {"hidden": (9,), "latent": 4, "likelihood": "gaussian"},
    "epochs": 31,
    "batch_size": 512,
    "optimizer": "adam",
    "learning_rate": 3e-4,
    "weight_decay": 0.01,
    "gradient_clip": 1.0,
    "precision": "float32",
    "validate_every": 3,
    "patience": 5,
    "nll_samples": 50,
    "plateau": 2,
    "plateau_from": 3,
    "halvings": 4,
    "length_pool": 2,
    "patience_watches": "loss",
}


def test_a_key_is_the_same_in_every_process_and_version():
    assert GOLDEN.key == GOLDEN_KEY
    text = repr(GOLDEN)
    code = f"from fmnbench.spec import RunSpec, Track; print({text}.key)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == GOLDEN_KEY


def test_every_field_moves_the_key():
    fields = {field.name for field in dataclasses.fields(RunSpec)}
    assert set(OTHER) == fields - {"track"}
    assert set(OTHER_TRACK) == set(compared(Track))
    keys = [dataclasses.replace(GOLDEN, **{name: value}).key for name, value in OTHER.items()]
    for name, value in OTHER_TRACK.items():
        track = dataclasses.replace(GOLDEN.track, **{name: value})
        keys.append(dataclasses.replace(GOLDEN, track=track).key)
    assert len({GOLDEN.key, *keys}) == 1 + len(OTHER) + len(OTHER_TRACK)
    assert {len(key) for key in keys} == {KEY_LENGTH}


def test_whether_the_reports_metrics_are_computed_moves_no_key_and_is_in_no_file():
    track = dataclasses.replace(GOLDEN.track, report_metrics=True)
    assert track == GOLDEN.track
    assert dataclasses.replace(GOLDEN, track=track).key == GOLDEN_KEY
    assert "report_metrics" not in track.identity
