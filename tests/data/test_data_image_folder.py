"""Folders of images: what is read, and one line for each mistake."""

import dataclasses
import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from latentsweep.data import catalogue, memory
from latentsweep.errors import DataError
from latentsweep.study import Study
from latentsweep.workflow.search import search_study, suited

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 8, 10, 4), dtype=np.uint8)

ROUNDED = "rounded to steps of 1: the Gaussian's noise is at least that of rounding"


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
    assert data.notes == ("images resized to 6 x 6 RGB", ROUNDED)
    assert load(tmp_path, resize="6x5").item_shape == (6, 5, 3)


def test_two_modes_need_resize_and_become_the_wider(tmp_path):
    filled(tmp_path)
    write(tmp_path / "dog" / "99.png", PIXELS[0, ..., 0])
    assert "and 8 x 10 L (dog/99.png)" in message(tmp_path)
    assert load(tmp_path, resize="8x10").item_shape == (8, 10, 3)
    write(tmp_path / "dog" / "98.png", PIXELS[0])
    assert load(tmp_path, resize="8x10").item_shape == (8, 10, 4)


@pytest.mark.parametrize("count", [0, 1, 9])
def test_too_few_images(tmp_path, count):
    for i in range(count):
        write(tmp_path / f"{i}.png", PIXELS[i, ..., 0])
    (tmp_path / "notes.txt").write_text("no image")
    write(tmp_path / ".hidden" / "x.png", PIXELS[0, ..., 0])
    needed = (
        f"at least 10 images are needed, got {count}"
        if count
        else "a folder of at least 10 images (.png, .jpg, .tif, ...) is needed, got none"
    )
    assert message(tmp_path) == (
        f"data: {needed} in '{tmp_path}'; check the path, or name a table or array file"
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
    assert message(tmp_path) == (
        f"data: the images of '{tmp_path}' must differ within the training split, got 7 "
        "everywhere; check how they were saved"
    )


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


# ---- folders as people keep them ------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "sizes"),
    [
        (("train", "val", "test"), {"train": 8, "validation": 8, "test": 8}),
        (("Training", "Testing"), {"train": 12, "test": 12}),
        (("TRAIN", "valid", "holdout"), {"train": 8, "validation": 8, "test": 8}),
        (("train", "dev"), {"train": 10, "validation": 12, "test": 2}),
    ],
)
@pytest.mark.parametrize("place", ["{split}/{kind}", "{kind}/{split}", "all/{split}/{kind}"])
def test_folders_named_as_splits_are_splits_and_those_beside_them_classes(
    tmp_path, names, sizes, place
):
    for i, pixels in enumerate(PIXELS):
        kind, split = ("cat", "dog")[i // len(names) % 2], names[i % len(names)]
        write(tmp_path / place.format(split=split, kind=kind) / f"{i}.png", pixels[..., 0])
    data = load(tmp_path)
    assert data.label_names == ("cat", "dog")
    assert {name: len(rows) for name, rows in data.splits.items()} == sizes
    for name, rows in data.splits.items():
        folders = {"train": "train", "validation": "val|dev", "test": "test|holdout|train"}[name]
        for row in rows:
            assert any(f in data.ids[row].lower() for f in folders.split("|"))
            assert data.label_names[data.labels[row]] in data.ids[row]


def test_splits_beside_classes_are_refused(tmp_path):
    filled(tmp_path, subfolders=("train", "test", "unlabelled"))
    assert message(tmp_path) == (
        "data: folders of splits, one of them train, or of classes are needed, got test, train "
        f"beside unlabelled in '{tmp_path}'; move one kind elsewhere"
    )


@pytest.mark.parametrize(
    "places",
    [
        ("cat/train", "cat/test", "dog/train", "dog"),
        ("val/a", "test/a"),
        ("a/train", "a/test", "b"),
    ],
)
def test_splits_that_are_not_everywhere_are_refused(tmp_path, places):
    filled(tmp_path, subfolders=places)
    assert "folders of splits, one of them train, or of classes are needed" in message(tmp_path)


@pytest.mark.parametrize("around", ["PetImages", "train", "a/b"])
def test_a_folder_around_the_classes_is_none_of_them(tmp_path, around):
    filled(tmp_path / around, subfolders=("cat", "dog"))
    assert load(tmp_path).label_names == ("cat", "dog")


def test_pages_of_another_size_or_depth_are_refused(tmp_path):
    for other in (PIXELS[0, :4, :5, 0], PIXELS[0, ..., 0].astype(np.uint16), PIXELS[0, ..., :3]):
        for i in range(5):
            pages = [Image.fromarray(p[..., 0]) for p in PIXELS[3 * i : 3 * i + 3]]
            pages += [Image.fromarray(other)] if i == 4 else []
            pages[0].save(tmp_path / f"{i}.tif", save_all=True, append_images=pages[1:])
        assert re.match(
            "data: (pages of one size and mode|images of 8 bits a channel) are needed, got ",
            message(tmp_path),
        )


def test_a_split_of_its_own_is_what_a_search_compares_on(tmp_path):
    names = ("train/a", "val/a", "test/a")
    for copy in range(6):
        for i, pixels in enumerate(PIXELS):
            write(tmp_path / names[i % 3] / f"{copy}-{i}.png", np.roll(pixels[..., 0], copy))
    data = load(tmp_path)
    study, own = suited(search_study("x", str(tmp_path)), data)
    assert (study.validation_folds, study.validation_fraction) == (0, 0)
    np.testing.assert_array_equal(own.splits["validation"], data.splits["validation"])
    assert len(own.splits["train"]) == 48
    fewer = dataclasses.replace(
        data, splits={**data.splits, "validation": data.splits["validation"][:20]}
    )
    study, folds = suited(search_study("x", str(tmp_path)), fewer)
    assert study.validation_folds == 10
    assert (list(folds.splits), len(folds.splits["train"])) == (["train", "test"], 68)


def test_every_page_of_a_file_is_an_image(tmp_path):
    for i in range(3):
        first, *others = (Image.fromarray(p[..., 0]) for p in PIXELS[8 * i : 8 * i + 8])
        first.save(tmp_path / f"{i}.tif", save_all=True, append_images=others)
    data = load(tmp_path)
    np.testing.assert_array_equal(data.values, PIXELS[..., :1])
    assert data.ids[9] == "1.tif#2"
    assert data.notes == (
        "each of the 24 pages of 3 files is an image; --split-by order keeps consecutive ones in "
        "one split",
        ROUNDED,
    )


def test_all_kinds_that_pillow_reads_are_read_and_all_else_is_counted(tmp_path):
    for i, pixels in enumerate(PIXELS):
        kind = ("jfif", "jpe", "tga", "PNG")[i % 4]
        options = {"format": "JPEG"} if kind in ("jfif", "jpe") else {}
        write(tmp_path / f"{i}.{kind}", pixels[..., 0], **options)
    for name in ("notes.txt", "more.txt", ".DS_Store", "Thumbs.db"):
        (tmp_path / name).write_text("no image")
    data = load(tmp_path)
    assert len(data.values) == 24
    assert data.notes[0] == "skipped: 1 .db files, 2 .txt files, 1 hidden or special files"


def test_links_are_followed_and_each_folder_once(tmp_path):
    filled(tmp_path / "elsewhere", subfolders=("a", "b"))
    for name, target in (("a", "a"), ("b", "b"), ("again", "a")):
        (tmp_path / "mine").mkdir(exist_ok=True)
        (tmp_path / "mine" / name).symlink_to(tmp_path / "elsewhere" / target)
    (tmp_path / "elsewhere" / "b" / "back").symlink_to(tmp_path / "mine")
    data = load(tmp_path / "mine")
    assert len(data.values) == 24
    assert data.label_names == ("a", "b")
    assert data.notes == ("skipped: 2 folders met twice", ROUNDED)


def test_names_are_in_the_order_that_people_count_in(tmp_path):
    for i, pixels in enumerate(PIXELS):
        write(tmp_path / f"frame_{i}.png", pixels[..., 0])
    data = load(tmp_path)
    assert list(data.ids) == [f"frame_{i}.png" for i in range(24)]
    np.testing.assert_array_equal(data.values, PIXELS[..., :1])


def test_colours_of_16_bits_and_more_channels_than_four_are_refused(tmp_path):
    """Pillow would read them as 8 bits and three channels."""
    for i in range(12):
        write_png16(tmp_path / "deep" / f"{i}.png", PIXELS[i].astype(np.uint16) * 257)
        tifffile_like(tmp_path / "many" / f"{i}.tif", PIXELS[i])
    assert "images of 8 bits a channel are needed, got 16 bits in" in message(tmp_path / "deep")
    text = message(tmp_path / "many")
    assert "images of at most 4 channels are needed, got 5" in text or "cannot be read" in text


def write_png16(path, pixels):
    """A PNG of 16 bits a channel, which Pillow can't write."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row[:, :3].astype(">u2").tobytes() for row in pixels)

    def chunk(kind, content):
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)


def tifffile_like(path, pixels):
    """A TIFF of five channels of 8 bits, side by side."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = np.dstack([pixels, pixels[..., :1]]).tobytes()
    height, width = pixels.shape[:2]
    tags = [
        (256, 3, 1, width),
        (257, 3, 1, height),
        (258, 3, 5, 8 + 2 + 12 * 10 + 4),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, 8 + 2 + 12 * 10 + 4 + 10 + 4),
        (277, 3, 1, 5),
        (278, 3, 1, height),
        (279, 4, 1, len(content)),
        (338, 3, 2, 0),
    ]
    entries = b"".join(
        struct.pack("<HHI", tag, kind, count)
        + (struct.pack("<I", value) if kind == 4 or count > 2 else struct.pack("<HH", value, 0))
        for tag, kind, count, value in tags
    )
    head = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + entries
    path.write_bytes(head + b"\0" * 4 + struct.pack("<5H", *[8] * 5) + b"\0" * 4 + content)
