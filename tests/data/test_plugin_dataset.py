"""A dataset from outside the package: one plug-in file installs its data and is run."""

import json
import subprocess
import sys

import pytest

PLUGIN = '''
import pyarrow as pa
import torch

from fmnbench.data.cache import SPLITS
from fmnbench.data.readers.tables import Contents
from fmnbench.datasets import CachedDataset, Splits
from fmnbench.registry import datasets


@datasets.register("stars", source="a test", licence="MIT")
class Stars(CachedDataset):
    """Rows of 784 pixels, one number each."""

    cache_name = "stars"
    accepts = "one file with a number a line"
    import_example = "stars.txt"

    def read(self, paths, *, longest=None):
        levels = [float(line) for line in paths[0].read_text().split()]
        column = pa.array([[level] * 4 for level in levels], pa.list_(pa.float32(), 4))
        tables = {split: pa.table({"image": column}) for split in SPLITS}
        return Contents(kind="images", tables=tables, source=paths[0].name)

    def splits(self, data):
        parts = [
            torch.tensor(data.column(split, "image").to_pylist()) + number / 8
            for number, split in enumerate(SPLITS)
        ]
        return Splits(train=parts[0], validation=parts[1], test=parts[2], kind="vectors")
'''
SUITE = """
title = "T"
citation = "C"

[[tracks]]
name = "stars-mlp"
dataset = "stars"
architecture = "mlp"
architecture_settings = { hidden = [4], latent = 2 }
epochs = 1
batch_size = 8
learning_rate = 1e-3
nll_samples = 5
critics = ["none"]
"""


@pytest.fixture
def plugin(tmp_path, registers, cache):
    path = tmp_path / "stars.py"
    path.write_text(PLUGIN)
    return path


@pytest.fixture
def numbers(tmp_path):
    path = tmp_path / "stars.txt"
    path.write_text("".join(f"{number}\n" for number in range(30)))
    return path


def test_a_plugins_dataset_is_listed_imported_verified_and_found(plugin, numbers, fmnbench, cache):
    option = ("--plugin", plugin)
    done = fmnbench("data", "path", "stars", *option)
    assert done.complaint == (
        "error: Dataset 'stars' is not installed; import it: fmnbench data import stars stars.txt"
    )
    done = fmnbench("data", "import", "stars", numbers, *option)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("stars: 30 training, 30 validation, 30 test rows from stars.txt\n")
    listed = json.loads(fmnbench("data", "list", "--json", *option).out)
    (line,) = [each for each in listed if each["name"] == "stars"]
    assert (line["installed"], line["import"]) == (True, "one file with a number a line")
    assert fmnbench("data", "verify", "stars", *option).out.startswith("stars: as recorded, ")
    folder = fmnbench("data", "path", "stars", *option).out.strip()
    assert folder.startswith(str(cache / "datasets" / "stars"))


@pytest.mark.slow
def test_a_plugins_dataset_is_run(plugin, numbers, fmnbench, tmp_path):
    suite, store = tmp_path / "tiny.toml", tmp_path / "records"
    suite.write_text(SUITE)
    assert fmnbench("data", "import", "stars", numbers, "--plugin", plugin).code == 0
    done = subprocess.run(
        [
            *(sys.executable, "-m", "fmnbench", "run", "--plugin", plugin),
            *("--suite", suite, "--store", store),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (path,) = store.glob("stars-mlp/*.json")
    assert json.loads(path.read_text())["status"] == "done"


def test_a_plugin_whose_name_in_the_cache_is_not_its_own_is_refused(plugin, numbers, fmnbench):
    plugin.write_text(PLUGIN.replace('cache_name = "stars"', 'cache_name = "omniglot"'))
    done = fmnbench("data", "import", "stars", numbers, "--plugin", plugin)
    assert done.code == 2
    assert "declares cache_name 'omniglot'; it must be its name" in done.complaint


def test_a_listing_does_not_import_torch(cache):
    code = (
        "import sys; from fmnbench.cli.data_listing import rows; rows();"
        "print([name for name in ('torch', 'scipy', 'PIL', 'datasets') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
