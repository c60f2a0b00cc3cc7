"""A folder of images as a data set: subfolders are labels, and every image has one size.

Grey images have one channel, coloured ones three (palettes and CMYK become RGB), and those with an
alpha channel four. Images that a camera turned are turned back. The subfolders "train" and "test",
if there are no others, are the split, and what they hold is labelled likewise.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from latentsweep.data import grouping
from latentsweep.data.dataset import Dataset, Scale, leading, parted
from latentsweep.data.memory import check_fits
from latentsweep.data.missing import plural
from latentsweep.errors import DataError
from latentsweep.study import Study

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
MIN_IMAGES, MIN_SIDE = 10, 4
SPLITS = ("train", "test")
# From the fewest channels to the most: the widest of those met is that of all, once resized.
_MODES = ("L", "RGB", "RGBA")
_AS = {"1": "L", "L": "L", "LA": "RGBA", "PA": "RGBA", "RGBA": "RGBA", "RGBa": "RGBA"}
_DEEP = ("I", "F")
_ORIENTATION, _ON_ITS_SIDE = 0x0112, (5, 6, 7, 8)


class Shape(NamedTuple):
    """What an image is, before it is decoded: height, width, mode."""

    height: int
    width: int
    mode: str

    def __str__(self) -> str:
        return f"{self.height} x {self.width} {self.mode}"


def load(folder: Path, study: Study) -> Dataset:
    """The data set in a folder of images; the names of the files are its ids.

    Raises:
        DataError: no or too few images, a damaged one, or images of different sizes.
    """
    files = _files(folder)
    shape = _shape_of_all(folder, files, study.resize)
    needed = len(files) * shape.height * shape.width * len(shape.mode)
    check_fits(f"data: the images of '{folder}'", needed, "make them smaller, as with --resize 32")
    values = np.stack([_pixels(file, shape) for file in files])
    names = [file.relative_to(folder) for file in files]
    own = {name.parts[0] for name in names} == set(SPLITS)
    groups = None if own or not study.split_by else grouping.by_order(len(files))
    labels, label_names = _labels(folder, [name.parts[int(own) :] for name in names])
    _check_variation(folder, values)
    return Dataset(
        name=folder.resolve().name,
        source=str(folder),
        values=values,
        scale=Scale(0.0, 255.0),
        splits=leading(len(files), sum(name.parts[0] == "train" for name in names))
        if own
        else parted(len(files), study.test_fraction, study.split_seed, groups and groups.numbers),
        labels=labels,
        label_names=label_names,
        ids=np.array([name.as_posix() for name in names], object),
        groups=groups and groups.numbers,
        notes=(*_resized(study.resize, shape), *([groups.words] if groups else ())),
    )


def _files(folder: Path) -> list[Path]:
    """The images below a folder, training ones first, in the order of their names."""
    found = [
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in SUFFIXES
        and file.is_file()
        and not any(part.startswith((".", "__")) for part in file.relative_to(folder).parts)
    ]
    if len(found) < MIN_IMAGES:
        got = plural(len(found), "image") if found else "none"
        raise DataError(
            f"data: a folder of at least {MIN_IMAGES} images ({', '.join(SUFFIXES[:3])}, ...) is "
            f"needed, got {got} in '{folder}'; check the path, or name a table or array file"
        )
    return sorted(found, key=lambda file: _place(file.relative_to(folder)))


def _place(name: Path) -> tuple[bool, str]:
    return name.parts[0] == SPLITS[1], name.as_posix()


def _shape_of_all(folder: Path, files: Sequence[Path], resize: str) -> Shape:
    """The shape that all images get: their own, or the one asked for in the widest mode."""
    first = _shape(files[0])
    modes = {first.mode}
    for file in files[1:]:
        shape = _shape(file)
        modes.add(shape.mode)
        if shape != first and not resize:
            raise DataError(
                f"data: images of one size and mode are needed, got {first} ({_name(files[0])}) "
                f"and {shape} ({_name(file)}) in '{folder}'; --resize 32 makes all of them 32 x 32"
            )
    if not resize:
        return _checked(first)
    height, _, width = resize.partition("x")
    return _checked(Shape(int(height), int(width or height), max(modes, key=_MODES.index)))


def _checked(shape: Shape) -> Shape:
    if min(shape.height, shape.width) < MIN_SIDE:
        raise DataError(
            f"resize: images of at least {MIN_SIDE} x {MIN_SIDE} pixels are needed, got "
            f"{shape.height} x {shape.width}; --resize 32 makes all of them 32 x 32"
        )
    return shape


def _name(file: Path) -> str:
    return "/".join(file.parts[-2:])


@contextmanager
def _opened(file: Path) -> Iterator[Image.Image]:
    """An image whose header was read; what Pillow raises becomes a DataError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata, and of sizes: memory is checked
            with Image.open(file) as image:
                yield image
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise DataError(
            f"data: '{file}' cannot be read as an image ({reason}); save it again, or move it out "
            "of the folder"
        ) from None
    except Image.DecompressionBombError as error:
        raise DataError(f"data: '{file}' is no image to learn from ({error}); shrink it") from None


def _shape(file: Path) -> Shape:
    with _opened(file) as image:
        mode = _mode(file, image)
        width, height = image.size
        if image.getexif().get(_ORIENTATION) in _ON_ITS_SIDE:
            width, height = height, width
        return Shape(height, width, mode)


def _mode(file: Path, image: Image.Image) -> str:
    if image.mode.startswith(_DEEP):
        raise DataError(
            f"data: images of 8 bits a channel are needed, got the mode {image.mode} in '{file}'; "
            "convert them, or save their values with numpy.save"
        )
    if image.mode == "P":
        return "RGBA" if "transparency" in image.info else "RGB"
    return _AS.get(image.mode, "RGB")


def _pixels(file: Path, shape: Shape) -> np.ndarray:
    """An image, H x W x C."""
    with _opened(file) as image:
        turned = ImageOps.exif_transpose(image).convert(shape.mode)
        size = (shape.width, shape.height)
        sized = turned if turned.size == size else turned.resize(size, Image.Resampling.BOX)
        pixels = np.asarray(sized, np.uint8)
    return pixels.reshape(shape.height, shape.width, -1)


def _labels(
    folder: Path, parts: Sequence[tuple[str, ...]]
) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """Class numbers and names: the folders that the images stand in."""
    bare = sum(len(each) == 1 for each in parts)
    if bare == len(parts):
        return None, None
    if bare:
        raise DataError(
            f"data: images beside each other or in subfolders that name their classes are needed, "
            f"got {bare:,} beside the subfolders of '{folder}'; move them into one of their own"
        )
    names, numbers = np.unique([each[0] for each in parts], return_inverse=True)
    return numbers.astype(np.int32), tuple(str(name) for name in names)


def _check_variation(folder: Path, values: np.ndarray) -> None:
    if (values == values.flat[0]).all():
        raise DataError(
            f"data: pixels that differ are needed, got {values.flat[0]} everywhere in '{folder}'; "
            "check how the images were saved"
        )


def _resized(resize: str, shape: Shape) -> list[str]:
    return [f"images resized to {shape}"] if resize else []
