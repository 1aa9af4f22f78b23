"""Omniglot in the layout of the Hugging Face hub, from a folder of this machine."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fmnbench.data.acquire import verify
from fmnbench.data.catalogue import cached_dataset
from fmnbench.data.readers import opened
from fmnbench.data.sources import hub
from fmnbench.data.sources.source import Hub, Source
from fmnbench.datasets.omniglot import Omniglot
from fmnbench.datasets.snli import SNLI


@pytest.fixture
def repository(tmp_path, drawings):
    """Returns a function that writes the hub's parquet files; it returns their folder."""

    def write(*, names=True, drop=None):
        rows = [
            {
                "image": {"bytes": png, "path": name.rpartition("/")[2] if names else None},
                "alphabet": 0,
                "label": int(name[-11:-7]) - 1,
            }
            for name, png in drawings().items()
        ]
        folder = tmp_path / "omniglot-of-the-hub"
        (folder / "data").mkdir(parents=True)
        for split, part in {"train": rows[::2], "test": rows[1::2]}.items():  # by no drawer
            table = pa.Table.from_pylist(part).drop_columns(drop or [])
            pq.write_table(table, folder / "data" / f"{split}-00000-of-00001.parquet")
        return Hub(repository=str(folder))

    return write


@pytest.fixture
def lake(drawings, packed):
    return opened.read(cached_dataset("omniglot"), [packed(drawings(), "images.zip")])


def test_rows_that_kept_their_names_are_lakes_drawings(repository, lake, unpacking, cache):
    contents, revision = hub.read(repository(), Omniglot())
    assert revision == "local"
    assert contents.tables == lake.tables
    assert (contents.kind, contents.form, contents.binary) == ("images", "partial", True)
    assert contents.source.startswith("the hub's drawings, drawers known (28×28)")
    assert list(unpacking.iterdir()) == []
    assert list(cache.iterdir()) == []  # no revision is recorded of what is on this machine


def test_rows_without_names_are_the_same_drawings_split_otherwise(repository, lake):
    contents, _ = hub.read(repository(names=False), Omniglot())
    assert "drawers unknown" in contents.source
    assert contents.tables != lake.tables
    together, truth = (
        sorted(row for table in each.tables.values() for row in table["image"].to_pylist())
        for each in (contents, lake)
    )
    assert together == truth


def test_a_dataset_is_fetched_from_the_hub_as_from_any_source(
    repository, cache, fmnbench, monkeypatch
):
    chosen = repository()
    source = Source(name="hub", summary="a folder", hub=chosen)
    monkeypatch.setattr(Omniglot, "sources", (source,))
    done = fmnbench("data", "fetch", "omniglot")
    assert (done.code, done.err) == (0, "")  # a pipe gets no bars of Hugging Face's
    installed = verify("omniglot")
    assert installed.files == {chosen.repository: "local"}
    assert installed.statistics["rows"] == {"train": 41, "validation": 4, "test": 15}
    assert done.out.endswith(f"fingerprint {installed.sha256}\n")


@pytest.mark.parametrize("drop", ["image", "label"])
def test_rows_without_a_column_are_one_line(drop, repository, refused):
    chosen = repository(drop=[drop])
    line = refused(hub.read, chosen, Omniglot())
    assert line.startswith(f"{chosen.repository} cannot be read from the hub: ")
    assert drop in line


def test_a_folder_with_nothing_in_it_is_one_line(tmp_path, refused):
    line = refused(hub.read, Hub(repository=str(tmp_path)), Omniglot())
    assert line.startswith(f"{tmp_path} cannot be read from the hub: ")


def test_rows_of_the_hub_go_to_the_reader_of_the_dataset(repository, refused):
    assert "'snli' has no reader for rows of the hub" in refused(hub.read, repository(), SNLI())


def test_without_the_network_the_hub_is_not_asked(get, monkeypatch, refused):
    line = refused(get, "omniglot", chosen="hub", offline=True)
    assert "hub: offline: the dataset dpdl-benchmark/omniglot is not downloaded" in line
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    line = refused(get, "omniglot", chosen="hub")
    assert "is not downloaded (HF_HUB_OFFLINE is set)" in line
