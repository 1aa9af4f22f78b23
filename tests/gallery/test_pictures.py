"""Pictures of what models draw, on a small model of the digits."""

import dataclasses
import io

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from fmnbench.errors import Declined, RecordError
from fmnbench.gallery.pictures import COLUMNS, DRAWN, GAP, LINES, MARGIN, SCALE, picture
from fmnbench.planning.plan import Selection, plan, tasks
from fmnbench.records.store import Store
from fmnbench.runs.endings import WEIGHTS
from fmnbench.runs.run import Conditions, execute, load

SIDE = 8  # pixels of a digit


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Returns a run of two epochs, and its weights."""
    work = tmp_path_factory.mktemp("work")
    wanted = Selection(
        suites=["quick"],
        datasets=["digits"],
        critics=["none"],
        settings=["epochs=2", "nll_samples=1", "hidden=[16]"],
    )
    (spec,) = plan(tasks(wanted), [0]).specs
    return execute(spec, Conditions(), work=work, report=lambda *_: None), work / WEIGHTS


def picture_of(result, weights):
    splits, _ = load(result.spec, torch.device("cpu"))
    return picture(result.spec, splits, weights)


def cells(png):
    """Returns the images of a picture by row and column, in grey values."""
    pixels = np.asarray(Image.open(io.BytesIO(png)))[::SCALE, ::SCALE]
    step = SIDE + GAP
    found = np.empty((2 + DRAWN, COLUMNS, SIDE, SIDE), dtype=np.uint8)
    for row in range(2 + DRAWN):
        top = GAP + row * step + (MARGIN if row > 1 else 0)
        for column in range(COLUMNS):
            left = GAP + column * step
            found[row, column] = pixels[top : top + SIDE, left : left + SIDE]
    return found, pixels


def test_a_picture_begins_with_the_test_images_and_is_framed_by_lines(trained):
    found, pixels = cells(picture_of(*trained))
    splits, _ = load(trained[0].spec, torch.device("cpu"))
    ink = splits.test[:COLUMNS].view(-1, SIDE, SIDE).numpy()
    assert np.array_equal(found[0], 255 - 255 * ink.astype(np.uint8))
    assert (pixels[0] == LINES).all()
    assert (pixels[:, 0] == LINES).all()
    assert pixels.shape[1] == COLUMNS * (SIDE + GAP) + GAP


def test_reconstructions_are_the_decoders_means(trained, tmp_path):
    weights = load_file(trained[1])
    weights["output.weight"].zero_()
    weights["output.bias"].fill_(torch.logit(torch.tensor(0.2)))  # every pixel is 0.2, whatever z
    save_file(weights, tmp_path / "w.safetensors")
    found, _ = cells(picture_of(trained[0], tmp_path / "w.safetensors"))
    assert (found[1:] == round(255 * 0.8)).all()


def test_draws_differ_from_each_other_and_the_same_weights_give_the_same_bytes(trained):
    png = picture_of(*trained)
    found, _ = cells(png)
    draws = found[2:].reshape(DRAWN * COLUMNS, -1)
    assert len(np.unique(draws, axis=0)) == DRAWN * COLUMNS
    assert picture_of(*trained) == png


def test_weights_of_another_model_or_no_weights_are_one_clear_line(trained, tmp_path):
    result, weights = trained
    path = tmp_path / "w.safetensors"
    some = load_file(weights)
    del some["output.bias"]
    save_file(some, path)
    with pytest.raises(RecordError, match="has not the weights of this run"):
        picture_of(result, path)
    path.write_bytes(b"no weights")
    with pytest.raises(RecordError, match="has not the weights of this run"):
        picture_of(result, path)


def test_data_without_images_have_no_picture(trained):
    result, weights = trained
    small = {"rows_per_class": 10}
    track = dataclasses.replace(result.spec.track, dataset="toy", dataset_settings=small)
    toy = dataclasses.replace(result, spec=dataclasses.replace(result.spec, track=track))
    with pytest.raises(Declined, match="'toy' has no images"):
        picture_of(toy, weights)


@pytest.fixture
def store(trained, tmp_path):
    """Returns a store with the run's record, and its weights kept."""
    result, weights = trained
    store = Store(tmp_path / "results")
    store.save(result)
    kept = store.weights(result.spec.key)
    kept.parent.mkdir()
    kept.write_bytes(weights.read_bytes())
    return store


def test_a_report_draws_what_has_weights_and_shows_what_was_drawn(store, trained, fmnbench):
    result, _ = trained
    key, track = result.spec.key, result.spec.track.name
    link = f"![VAE](figures/{track}/{key}.png)"
    done = fmnbench("report", "--store", store.folder)
    assert "Test images, their reconstructions" not in done.out
    done = fmnbench("report", "--store", store.folder, "--pictures")
    assert done.code == 0, done.err
    drawn = store.folder.parent / "figures" / track / f"{key}.png"
    assert drawn.read_bytes() == picture_of(*trained)
    assert link in done.out
    store.weights(key).unlink()  # as in a clone: pictures are shown, not made
    assert link in fmnbench("report", "--store", store.folder).out


def test_a_picture_that_cannot_be_drawn_is_named_and_the_report_is_there(store, trained, fmnbench):
    key = trained[0].spec.key
    store.weights(key).write_bytes(b"broken")
    done = fmnbench("report", "--store", store.folder, "--pictures")
    assert done.code == 0
    assert done.err.startswith(f"no picture of {key}: ")
    assert "## digits-mlp" in done.out
