"""Omniglot's drawings: zips, folders and hub rows made here in small, and the real ones."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from fmnbench.data.readers.drawings import overlaps, white_areas
from fmnbench.data.readers.omniglot_files import from_hub_rows, from_lake
from fmnbench.errors import DataError

SPLITS = ("train", "validation", "test")


def drawing(character, drawer, side=105, ink=0):
    """Returns a PNG with a stroke that no other drawing has."""
    white = np.full((side, side), 255 - ink, np.uint8)
    white[character, : side // 2] = ink
    white[side - drawer, :drawer] = ink
    file = io.BytesIO()
    Image.fromarray(white).convert("1").save(file, "PNG")
    return file.getvalue()


def lake_files(characters=(1, 2, 3), drawers=range(1, 21), **how):
    return {
        f"images_background/Latin/character{c:02d}/{c:04d}_{d:02d}.png": drawing(c, d, **how)
        for c in characters
        for d in drawers
    }


def zipped(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def same(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in SPLITS)


@settings(max_examples=20, deadline=None)
@given(arrays.arrays(np.uint8, (1, 105, 105), elements=st.integers(0, 1)))
def test_reduction_by_area_keeps_each_drawings_ink_exactly(bits):
    areas = white_areas(bits.astype(np.float32))
    # a large pixel covers 4 × 4 quarters; all numbers are whole and below 2^24
    assert areas.sum() == 16 * bits.sum()
    assert areas.max() <= 225


def test_overlaps_are_the_lengths_that_pixels_share():
    weights = overlaps()
    assert np.array_equal(weights.sum(0), np.full(105, 4.0))
    assert np.array_equal(weights.sum(1), np.full(28, 15.0))
    assert weights[0, :5].tolist() == [4, 4, 4, 3, 0]
    assert weights[1, 3:9].tolist() == [1, 4, 4, 4, 2, 0]


def test_reduction_by_area_of_an_even_ramp_is_a_ramp():
    # the mean of a linear function over an interval is its value in the middle
    ramp = np.broadcast_to(np.arange(105) + 0.5, (1, 105, 105)).astype(np.float32)
    middles = 3.75 * (np.arange(28) + 0.5)
    # pixels are steps, so a part of one differs from the line by up to 1/8, out of 3.75
    np.testing.assert_allclose(white_areas(ramp)[0, 5] / 225, middles, atol=0.034)


@pytest.mark.parametrize("side", [28, 105])
def test_drawers_1_to_15_train_or_validate_and_16_to_20_test(tmp_path, side):
    # with one inked pixel for each drawer, a row's ink tells who drew it
    files = {}
    for character in (1, 2):
        for drawer in range(1, 21):
            white = np.full((side, side), 255, np.uint8)
            white[character, :drawer] = 0
            file = io.BytesIO()
            Image.fromarray(white).save(file, "PNG")
            files[f"Latin/character01/{character:04d}_{drawer:02d}.png"] = file.getvalue()
    images = from_lake([zipped(tmp_path / "images.zip", files)])
    drawers = {
        name: np.rint(getattr(images, name).sum(1) * (side / 28) ** 2).astype(int)
        for name in SPLITS
    }
    assert sorted(drawers["test"]) == sorted(2 * [16, 17, 18, 19, 20])
    assert sorted([*drawers["train"], *drawers["validation"]]) == sorted(2 * list(range(1, 16)))
    assert len(drawers["validation"]) == 3  # a tenth of a partial set
    assert images.source.endswith("40 of 32,460 images, 3 of them validate")
    assert images.binary == (side == 28)


def test_zips_and_folders_in_any_order_give_the_same_rows(tmp_path):
    files = lake_files()
    whole = from_lake([zipped(tmp_path / "whole.zip", files)])
    items = sorted(files.items(), key=lambda item: item[0][::-1])
    halves = [zipped(tmp_path / f"{i}.zip", dict(items[i::2])) for i in (0, 1)]
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "images_background/.DS_Store.png").touch()
    assert same(whole, from_lake(halves))
    assert same(whole, from_lake(halves[::-1]))
    assert same(whole, from_lake([tmp_path / "images_background"]))
    assert same(whole, from_lake([tmp_path / "images_background/Latin"]))


def test_ink_is_the_rarer_colour(tmp_path):
    black = from_lake([zipped(tmp_path / "black.zip", lake_files(side=28))])
    white = from_lake([zipped(tmp_path / "white.zip", lake_files(side=28, ink=255))])
    assert same(black, white)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"a/b/character01/0001_01.png": drawing(1, 1)}, "0001_01.png is there twice"),
        ({"Latin/0009_01.png": drawing(1, 1)}, "Latin/0009_01.png is not named"),
        ({"Latin/character09/0009_21.png": drawing(1, 1)}, "MM 01-20"),
        ({"Latin/character09/0009_01.png": drawing(1, 1, side=64)}, "is 64×64 pixels"),
        ({"Latin/character09/0009_01.png": drawing(1, 1, side=28)}, "are mixed"),
        ({"Latin/character09/0009_01.png": drawing(1, 1)[:60]}, "0009_01.png is not a"),
        ({"Latin/character09/0009_01.png": b"GIF89a"}, "0009_01.png is not a PNG"),
        ({"Latin/character09/0009_01.png": bytes(2 << 20)}, "has 2,097,152 bytes"),
    ],
)
def test_a_zip_with_a_wrong_drawing_is_refused_in_one_line(tmp_path, extra, message):
    path = zipped(tmp_path / "images.zip", lake_files() | extra)
    with pytest.raises(DataError, match=message) as caught:
        from_lake([path])
    assert "images.zip" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_zip_without_test_drawers_or_any_drawing_is_refused(tmp_path):
    with pytest.raises(DataError, match="0 of test drawers"):
        from_lake([zipped(tmp_path / "a.zip", lake_files(drawers=range(1, 16)))])
    with pytest.raises(DataError, match=r"b\.zip: no drawing in it"):
        from_lake([zipped(tmp_path / "b.zip", {"README.md": b"text"})])


def test_a_drawing_of_altered_bytes_is_refused(tmp_path):
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Latin/character01/0001_01.png", drawing(1, 1))
    path.write_bytes(path.read_bytes().replace(b"IDAT", b"IDAX"))
    with pytest.raises(DataError, match="not a whole zip archive"):
        from_lake([path])


def hub_rows(files):
    for name, png in files.items():
        yield {
            "image": {"bytes": png, "path": name},
            "alphabet": 0,
            "label": int(name[-11:-7]) - 1,
        }


def test_hub_rows_that_kept_their_names_are_split_as_lakes_files(tmp_path):
    files = lake_files()
    lake = from_lake([zipped(tmp_path / "images.zip", files)])
    assert same(lake, from_hub_rows(hub_rows(files)))


def test_hub_rows_without_names_are_split_by_three_to_one_within_each_character():
    files = lake_files()
    rows = [
        {"image": Image.open(io.BytesIO(png)).convert("RGB"), "label": int(name[-11:-7])}
        for name, png in files.items()
    ]
    images = from_hub_rows(rows)
    assert same(images, from_hub_rows(rows[::-1]))
    assert "drawers unknown" in images.source
    assert [len(getattr(images, name)) for name in SPLITS] == [41, 4, 15]
    everything = np.concatenate([getattr(images, name) for name in SPLITS])
    known = from_hub_rows(hub_rows(files))
    expected = np.concatenate([getattr(known, name) for name in SPLITS])
    assert np.array_equal(np.unique(everything, axis=0), np.unique(expected, axis=0))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"label": 1}, "row 0 of the hub's Omniglot has no image"),
        ({"image": {"bytes": b"x", "path": None}, "label": 1}, "row 0 .* is not a PNG"),
        ({"image": Image.new("1", (105, 105))}, "label None; expected a whole number"),
        ({"image": Image.new("L", (32, 32)), "label": 1}, "32×32"),
    ],
)
def test_hub_rows_of_other_columns_are_refused(row, message):
    with pytest.raises(DataError, match=message):
        from_hub_rows([row])


def test_no_hub_rows_are_refused():
    with pytest.raises(DataError, match="has no rows"):
        from_hub_rows([])


def test_the_real_small_images_have_the_ink_that_is_known_of_them(real):
    images = from_lake([real("omniglot/images_28x28.zip")])
    assert [len(getattr(images, name)) for name in SPLITS] == [22_345, 2_000, 8_115]
    assert images.binary
    assert images.source == "Lake's drawings in images_28x28.zip (28×28)"
    ink = {name: getattr(images, name).sum(1, dtype=np.float64) for name in SPLITS}
    assert ink["test"].mean() == pytest.approx(62.51, abs=0.005)  # given to two digits
    # drawers 1-15 hold 63.34 of ink on a training split and 63.164 on its validation split, by
    # another permutation: pooled over 22,345 and 2,000 images that is 63.3255
    pool = np.concatenate([ink["train"], ink["validation"]])
    assert pool.mean() == pytest.approx((22_345 * 63.34 + 2_000 * 63.164) / 24_345, abs=0.005)
    # the mean of 22,345 out of 24,345: three standard errors of sampling without replacement
    error = pool.std() * (2_000 / 24_345 / 22_345) ** 0.5
    assert ink["train"].mean() == pytest.approx(63.34, abs=3 * 2**0.5 * error)


def test_the_real_large_images_keep_their_ink(real):
    path = real("omniglot/images_background_small1.zip")
    images = from_lake([path])
    assert not images.binary
    assert "2,720 of 32,460 images" in images.source
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".png")]
        black = sum(
            105 * 105 - int(np.asarray(Image.open(archive.open(name))).sum()) for name in names
        )
    total = sum(getattr(images, name).sum(dtype=np.float64) for name in SPLITS)
    # values are float32 of k/225: 2.1 million of them, each right to 3e-8
    assert total == pytest.approx(black * 784 / 105**2, rel=1e-7)
