"""Folders of images: what is read, and one line for each mistake."""

import numpy as np
import pytest
from PIL import Image

from latentsweep.data import catalogue, memory
from latentsweep.errors import DataError
from latentsweep.study import Study

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 8, 10, 4), dtype=np.uint8)


def load(folder, **fields):
    return catalogue.load_dataset(Study(name="test", data=str(folder), **fields))


def message(folder, **fields):
    with pytest.raises(DataError) as caught:
        load(folder, **fields)
    text = str(caught.value)
    assert "\n" not in text
    return text


def write(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.squeeze(pixels)).save(path, **options)


def filled(folder, channels=3, subfolders=("cat", "dog"), suffix="png"):
    """24 images of some channels, in turn in each subfolder."""
    for i, pixels in enumerate(PIXELS):
        part = subfolders[i % len(subfolders)]
        write(folder / part / f"{i:02d}.{suffix}", pixels[..., :channels])
    return folder


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_images_keep_their_channels(tmp_path, channels):
    data = load(filled(tmp_path / "my", channels, ("",)))
    np.testing.assert_array_equal(data.values, PIXELS[..., :channels])
    assert data.is_image
    assert data.unit_interval
    assert data.name == "my"
    assert data.labels is None
    assert data.ids[3] == "03.png"


def test_subfolders_are_labels(tmp_path):
    data = load(filled(tmp_path))
    assert data.label_names == ("cat", "dog")
    np.testing.assert_array_equal(data.labels, np.repeat([0, 1], 12))
    np.testing.assert_array_equal(data.values[0], PIXELS[0, ..., :3])
    assert data.ids[12] == "dog/01.png"
    assert data.hash == load(tmp_path).hash


def test_train_and_test_are_the_split(tmp_path):
    data = load(filled(tmp_path, 1, ("train/a", "test/a", "train/b", "train/a")))
    assert data.label_names == ("a", "b")
    assert {name: len(rows) for name, rows in data.splits.items()} == {"train": 18, "test": 6}
    assert all(data.ids[row].startswith("test/") for row in data.splits["test"])


@pytest.mark.parametrize("suffix", ["jpg", "bmp", "gif", "webp", "tif"])
def test_other_kinds_of_files(tmp_path, suffix):
    data = load(filled(tmp_path, 3, suffix=suffix))
    assert data.item_shape == (8, 10, 3)


def test_palettes_become_colours_and_bits_become_grey(tmp_path):
    for i in range(12):
        image = Image.fromarray(PIXELS[i, ..., :3])
        for folder, kind in (("palette", "P"), ("bits", "1"), ("cmyk", "CMYK")):
            (tmp_path / folder).mkdir(exist_ok=True)
            suffix = "tif" if kind == "CMYK" else "png"
            image.convert(kind).save(tmp_path / folder / f"{i}.{suffix}")
    assert load(tmp_path / "palette").item_shape == (8, 10, 3)
    assert load(tmp_path / "bits").item_shape == (8, 10, 1)
    assert load(tmp_path / "cmyk").item_shape == (8, 10, 3)


def test_a_turned_image_is_turned_back(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6
    for i in range(12):
        pixels = PIXELS[i, ..., :3]
        write(tmp_path / f"{i:02d}.png", np.rot90(pixels), exif=turned)
    np.testing.assert_array_equal(load(tmp_path).values, PIXELS[:12, ..., :3])


def test_two_sizes_need_resize(tmp_path):
    filled(tmp_path)
    write(tmp_path / "dog" / "99.png", PIXELS[0, :7, :, :3])
    assert message(tmp_path) == (
        "data: images of one size and mode are needed, got 8 x 10 RGB (cat/00.png) and 7 x 10 RGB "
        f"(dog/99.png) in '{tmp_path}'; --resize 32 makes all of them 32 x 32"
    )
    data = load(tmp_path, resize="6")
    assert data.values.shape == (25, 6, 6, 3)
    assert data.notes == ("images resized to 6 x 6 RGB",)
    assert load(tmp_path, resize="6x5").item_shape == (6, 5, 3)


def test_two_modes_need_resize_and_become_the_wider(tmp_path):
    filled(tmp_path)
    write(tmp_path / "dog" / "99.png", PIXELS[0, ..., 0])
    assert "and 8 x 10 L (dog/99.png)" in message(tmp_path)
    assert load(tmp_path, resize="8x10").item_shape == (8, 10, 3)
    write(tmp_path / "dog" / "98.png", PIXELS[0])
    assert load(tmp_path, resize="8x10").item_shape == (8, 10, 4)


@pytest.mark.parametrize(("count", "got"), [(0, "none"), (1, "1 image"), (9, "9 images")])
def test_too_few_images(tmp_path, count, got):
    for i in range(count):
        write(tmp_path / f"{i}.png", PIXELS[i, ..., 0])
    (tmp_path / "notes.txt").write_text("no image")
    write(tmp_path / ".hidden" / "x.png", PIXELS[0, ..., 0])
    assert message(tmp_path) == (
        f"data: a folder of at least 10 images (.png, .jpg, .jpeg, ...) is needed, got {got} in "
        f"'{tmp_path}'; check the path, or name a table or array file"
    )


def test_images_beside_subfolders(tmp_path):
    filled(tmp_path)
    write(tmp_path / "99.png", PIXELS[0, ..., :3])
    assert message(tmp_path) == (
        "data: images beside each other or in subfolders that name their classes are needed, got 1 "
        f"beside the subfolders of '{tmp_path}'; move them into one of their own"
    )


def test_images_that_are_all_one_colour(tmp_path):
    for i in range(12):
        write(tmp_path / f"{i}.png", np.full((8, 8), 7, np.uint8))
    assert message(tmp_path).startswith("data: pixels that differ are needed, got 7 everywhere")


def test_a_damaged_image_is_named(tmp_path):
    path = filled(tmp_path) / "cat" / "00.png"
    path.write_bytes(path.read_bytes()[:60])
    assert message(tmp_path).startswith(f"data: '{path}' cannot be read as an image (")
    path.write_bytes(b"no image")
    assert message(tmp_path).endswith("; save it again, or move it out of the folder")


def test_deep_images_are_refused(tmp_path):
    for i in range(12):
        write(tmp_path / f"{i}.png", PIXELS[i, ..., 0].astype(np.uint16))
    assert message(tmp_path).startswith("data: images of 8 bits a channel are needed, got the mode")


def test_images_of_4_pixels_a_side_are_the_smallest(tmp_path):
    assert load(filled(tmp_path), resize="4x9").item_shape == (4, 9, 3)
    assert "at least 4 x 4 pixels are needed, got 9 x 3" in message(tmp_path, resize="9x3")


def test_small_images_and_other_sets_cannot_be_resized(tmp_path):
    assert message(filled(tmp_path), resize="3x20") == (
        "resize: images of at least 4 x 4 pixels are needed, got 3 x 20; --resize 32 makes all of "
        "them 32 x 32"
    )


def test_more_images_than_memory_are_refused(tmp_path, monkeypatch):
    filled(tmp_path)  # 24 images of 8 x 10 pixels and 3 channels
    monkeypatch.setattr(memory, "free_memory", lambda: 24 * 8 * 10 * 3 - 1)
    assert message(tmp_path).endswith("are free; make them smaller, as with --resize 32")
    monkeypatch.setattr(memory, "free_memory", lambda: 24 * 8 * 10 * 3)
    assert load(tmp_path).values.nbytes == 24 * 8 * 10 * 3


def test_consecutive_images_stay_together(tmp_path):
    data = load(filled(tmp_path), split_by="order", validation_fraction=0.2)
    groups = [set(data.groups[rows]) for rows in data.splits.values()]
    assert sum(map(len, groups)) == len(set(data.groups)) == 20
