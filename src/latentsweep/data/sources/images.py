"""Folders of images: subfolders are labels or splits, and every image has one size.

Grey images have one channel, coloured ones three (palettes and CMYK become RGB), and those with an
alpha channel four. Images that a camera turned are turned back. Every page of a file that has
several is an image of its own. Folders that are links are followed, once each.

Folders named train, val, test or alike are the splits, above the folders of classes or below them.
"""

import os
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, ImageSequence

from latentsweep.data.memory import check_fits
from latentsweep.data.prepare import MIN_EXAMPLES
from latentsweep.data.raw import Raw, Stretch, plural, some
from latentsweep.errors import DataError, refused
from latentsweep.paths import user_path
from latentsweep.study import Study

MIN_SIDE = 4
SPLITS = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing", "holdout"),
}
_NAMED_SPLITS = {name: split for split, names in SPLITS.items() for name in names}
# What Pillow opens only by the help of other programs, or not as a picture.
_NO_PICTURES = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}
# From the fewest channels to the most: the widest of those met is that of all, once resized.
_MODES = ("L", "RGB", "RGBA")
_AS = {"1": "L", "L": "L", "LA": "RGBA", "PA": "RGBA", "RGBA": "RGBA", "RGBa": "RGBA"}
_DEEP = ("I", "F")
_ORIENTATION, _ON_ITS_SIDE = 0x0112, (5, 6, 7, 8)
_SAMPLES_A_PIXEL = 277  # of TIFF


class Shape(NamedTuple):
    """What an image is, before it is decoded: height, width, mode."""

    height: int
    width: int
    mode: str

    def __str__(self) -> str:
        return f"{self.height} x {self.width} {self.mode}"


class _File(NamedTuple):
    """A file of images: its path, its name below the folder, and how many pages it has."""

    path: Path
    name: Path
    pages: int = 1

    @property
    def ids(self) -> list[str]:
        """The names of its images."""
        name = self.name.as_posix()
        return [name] if self.pages == 1 else [f"{name}#{i}" for i in range(1, self.pages + 1)]


def read(study: Study) -> Raw:
    """The images in a folder and its subfolders; the names of the files are the ids.

    Raises:
        DataError: no or too few images, a damaged one, or images of different sizes.
    """
    folder, resize = user_path("data", study.data), study.resize
    found, notes = _files(folder)
    files, shape = _shape_of_all(folder, found, resize)
    count = sum(file.pages for file in files)
    needed = count * shape.height * shape.width * len(shape.mode)
    check_fits(f"data: the images of '{folder}'", needed, "make them smaller, as with --resize 32")
    values = np.stack([page for file in files for page in _pixels(file.path, shape)])
    splits, classes = _parts(folder, [file.name.parts[:-1] for file in files])
    pages = [file.pages for file in files]
    return Raw(
        name=folder.resolve().name,
        source=str(folder),
        values=values,
        labels=None if classes is None else np.repeat(np.array(classes, object), pages),
        ids=np.array([name for file in files for name in file.ids], object),
        split=None if splits is None else np.repeat(splits, pages),
        stretches=(Stretch(f"data: the images of '{folder}'", count),),
        example="image",
        notes=(*notes, *_notes(files, resize, shape)),
    )


def _notes(files: Sequence[_File], resize: str, shape: Shape) -> Iterator[str]:
    if resize:
        yield f"images resized to {shape}"
    several = [file for file in files if file.pages > 1]
    if several:
        pages = sum(file.pages for file in several)
        yield (
            f"each of the {pages:,} pages of {plural(len(several), 'file')} is an image; "
            "--split-by order keeps consecutive ones in one split"
        )


@cache
def suffixes() -> frozenset[str]:
    """The ends of the names of all files that Pillow can read."""
    known = Image.registered_extensions().items()
    return frozenset(end for end, kind in known if kind in Image.OPEN and kind not in _NO_PICTURES)


def _files(folder: Path) -> tuple[list[_File], list[str]]:
    """The files of images below a folder in the order of their names, and what was skipped."""
    found, skipped, seen = [], Counter(), set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = Path(place).resolve()
        if real in seen:
            skipped["folders met twice"] += 1
            folders.clear()
            continue
        seen.add(real)
        hidden = [name for name in folders if name.startswith((".", "__"))]
        folders[:] = sorted(set(folders) - set(hidden))
        skipped["hidden folders"] += len(hidden)
        for name in names:
            path = Path(place, name)
            if name.startswith(".") or not path.is_file():
                skipped["hidden or special files"] += 1
            elif path.suffix.lower() not in suffixes():
                skipped[f"{path.suffix or 'nameless'} files"] += 1
            else:
                found.append(_File(path, path.relative_to(folder)))
    if not found:
        raise DataError(
            f"data: a folder of at least {MIN_EXAMPLES} images (.png, .jpg, .tif, ...) is needed, "
            f"got none in '{folder}'; check the path, or name a table or array file"
        )
    left = [f"{count:,} {what}" for what, count in sorted(skipped.items()) if count]
    notes = [f"skipped: {some(left)}"] if left else []
    return sorted(found, key=lambda file: _natural(file.name)), notes


def _natural(name: Path) -> tuple:
    """A key that sorts names as people do: 2 before 10."""
    return tuple(
        tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)
        for parts in (re.split(r"(\d+)", each) for each in name.parts)
    )


def _parts(
    folder: Path, places: Sequence[tuple[str, ...]]
) -> tuple[list[str] | None, list[str] | None]:
    """The split and the class of each file, by the folders that it stands in; None for none."""
    while all(len(parts) > 1 and parts[0] == places[0][0] for parts in places):
        places = [parts[1:] for parts in places]  # a folder around all others
    splits = None
    for level in (0, 1):
        if found := _splits_at(places, level):
            splits = found
            places = [(*parts[:level], *parts[level + 1 :]) for parts in places]
            break
    else:
        for level in (0, 1):
            _check_no_split_among_classes(folder, places, level)
    bare = sum(not parts for parts in places)
    if bare == len(places):
        return splits, None
    if bare:
        raise DataError(
            f"data: images beside each other or in subfolders that name their classes are needed, "
            f"got {bare:,} beside the subfolders of '{folder}'; move them into one of their own"
        )
    return splits, [parts[0] for parts in places]


def _splits_at(places: Sequence[tuple[str, ...]], level: int) -> list[str] | None:
    """The splits that the folders of a level name, if all do, and more than one is named."""
    names = [parts[level].lower() if len(parts) > level else "" for parts in places]
    splits = [_NAMED_SPLITS.get(name, "") for name in names]
    return splits if all(splits) and "train" in splits and len(set(splits)) > 1 else None


def _check_no_split_among_classes(
    folder: Path, places: Sequence[tuple[str, ...]], level: int
) -> None:
    names = {parts[level] if len(parts) > level else "images" for parts in places}
    splits = sorted(name for name in names if name.lower() in _NAMED_SPLITS)
    if len(splits) > 1:
        others = sorted(names - set(splits))
        beside = f" beside {some(others)}" if others else " and none to train on"
        raise DataError(
            f"data: folders of splits, one of them train, or of classes are needed, got "
            f"{', '.join(splits)}{beside} in '{folder}'; move one kind elsewhere"
        )


def _shape_of_all(folder: Path, files: Sequence[_File], resize: str) -> tuple[list[_File], Shape]:
    """The files with their pages, and the shape that all images get.

    That is their own, or the one asked for in the widest mode.
    """
    first, _ = _shape(files[0].path)
    modes, counted = {first.mode}, []
    for file in files:
        shape, pages = _shape(file.path)
        counted.append(file._replace(pages=pages))
        modes.add(shape.mode)
        if shape != first and not resize:
            raise DataError(
                f"data: images of one size and mode are needed, got {first} "
                f"({_name(files[0].path)}) and {shape} ({_name(file.path)}) in '{folder}'; "
                "--resize 32 makes all of them 32 x 32"
            )
    if not resize:
        return counted, _checked(first)
    height, _, width = resize.partition("x")
    mode = max(modes, key=_MODES.index)
    return counted, _checked(Shape(int(height), int(width or height), mode))


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

    def unreadable(why: str) -> DataError:
        return DataError(
            f"data: '{file}' cannot be read as an image ({why}); save it again, or move it out of "
            "the folder"
        )

    with refused(unreadable), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata, and of sizes: memory is checked
        with Image.open(file) as image:
            yield image


def _shape(file: Path) -> tuple[Shape, int]:
    """The shape of a file's images, and how many there are."""
    with _opened(file) as image:
        pages = getattr(image, "n_frames", 1)
        shapes = []
        for page in range(pages):
            if pages > 1:
                image.seek(page)
            mode = _mode(file, image)
            width, height = image.size
            if image.getexif().get(_ORIENTATION) in _ON_ITS_SIDE:
                width, height = height, width
            shapes.append(Shape(height, width, mode))
    # GIF decodes its first page in another mode than the later ones, of the same colours.
    other = next((s for s in shapes if s[:2] != shapes[0][:2] or s.mode != shapes[-1].mode), None)
    if other is not None and not (image.format == "GIF" and other[:2] == shapes[0][:2]):
        raise DataError(
            f"data: pages of one size and mode are needed, got {shapes[0]} and {other} in "
            f"'{file}'; save them as files of their own"
        )
    return shapes[-1], pages


def _mode(file: Path, image: Image.Image) -> str:
    tiles = getattr(image, "tile", None)
    raw = str(tiles[0][3]) if tiles else ""  # what a pixel is in the file
    if image.mode.startswith(_DEEP) or ";16" in raw:
        got = f"the mode {image.mode}" if image.mode.startswith(_DEEP) else "16 bits"
        raise DataError(
            f"data: images of 8 bits a channel are needed, got {got} in '{file}'; "
            "convert them, or save their values with numpy.save"
        )
    channels = getattr(image, "tag_v2", {}).get(_SAMPLES_A_PIXEL, 0)
    if channels > len(image.getbands()):
        raise DataError(
            f"data: images of at most 4 channels are needed, got {channels} in '{file}'; save "
            "their values with numpy.save"
        )
    if image.mode == "P":
        return "RGBA" if "transparency" in image.info else "RGB"
    return _AS.get(image.mode, "RGB")


def _pixels(file: Path, shape: Shape) -> list[np.ndarray]:
    """The images of a file, each H x W x C."""
    with _opened(file) as image:
        pages = ImageSequence.Iterator(image) if getattr(image, "n_frames", 1) > 1 else [image]
        return [_page(page, shape) for page in pages]


def _page(image: Image.Image, shape: Shape) -> np.ndarray:
    turned = ImageOps.exif_transpose(image).convert(shape.mode)
    size = (shape.width, shape.height)
    sized = turned if turned.size == size else turned.resize(size, Image.Resampling.BOX)
    return np.asarray(sized, np.uint8).reshape(shape.height, shape.width, -1)
