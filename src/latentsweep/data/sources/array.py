"""NumPy files: .npy (one array) or .npz (several, by name), items of any shape.

Nothing is ever unpickled, and an archive that would not fit in memory is refused before it is
unpacked. A matrix that SciPy saved as sparse is read as a dense one.
"""

import math
import re
import zipfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from latentsweep.data.memory import check_archive, check_fits
from latentsweep.data.raw import Raw, Stretch, reading, some
from latentsweep.errors import DataError
from latentsweep.paths import user_path
from latentsweep.study import Study

VALUE_NAMES = ("values", "x", "X", "data", "images")
LABEL_NAMES = ("labels", "label", "y", "target", "targets")
# What the arrays of a split may be called, after x_ and y_.
SPLITS = {
    "train": ("train",),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test",),
}
_WIDEST = 8  # bytes of a number
_MOST_AXES = 32  # that all of NumPy takes
# What numpy.load says instead of unpickling; it has no error class of its own for that.
_OBJECTS = re.compile(r"Object arrays|Python objects")


@dataclass(frozen=True)
class _Named:
    """An array and what to call it in a message: the file and its name in there."""

    where: str
    array: np.ndarray


class _Part(NamedTuple):
    """Values with their labels: all of the data, or one of its splits."""

    values: _Named
    labels: _Named | None
    split: str = ""
    notes: tuple[str, ...] = ()


def read(study: Study) -> Raw:
    """The arrays in the .npy or .npz file that a study names; a .npy file stays a memory map.

    An .npz file that holds x_train and x_test, and maybe x_val, brings its own split.

    Raises:
        DataError: no such file, not a NumPy file, or no real numbers.
    """
    path = user_path("data", study.data)
    parts = _read(path)
    for part in parts:
        _check_values(part.values)
        _check_labels(part)
    counts = [len(part.values.array) for part in parts]
    return Raw(
        name=path.stem,
        source=str(path),
        values=_joined(path, parts),
        labels=_classes(parts),
        split=None if len(parts) == 1 else np.repeat([part.split for part in parts], counts),
        stretches=tuple(Stretch(part.values.where, len(part.values.array)) for part in parts),
        notes=tuple(note for part in parts for note in part.notes),
    )


def _read(path: Path) -> list[_Part]:
    """The arrays of a file: one part, or one of each split."""
    with _readable(str(path)):
        if not _is_archive(path):
            values = np.lib.format.open_memmap(path, mode="r")
            return [_Part(_Named(f"{path}: values", values), None)]
        archive = np.load(path, allow_pickle=False)
    with archive:
        if {"format", "shape", "data"} <= set(archive.files):
            return [_sparse(path, archive)]
        names = _names(path, archive.files)
        used = [name for _, values, labels in names for name in (values, labels) if name]
        check_archive(path, used)
        note = _unused(archive.files, used)
        return [
            _Part(
                _member(path, archive, values),
                _member(path, archive, labels) if labels else None,
                split,
                note if place == 0 else (),
            )
            for place, (split, values, labels) in enumerate(names)
        ]


def _sparse(path: Path, archive: "np.lib.npyio.NpzFile") -> _Part:
    """A matrix that SciPy saved, every value of it written out."""
    from scipy import sparse  # noqa: PLC0415  (only where there is one)

    with _readable(f"{path}: shape"):
        shape = archive["shape"]
        check_fits(f"{path}: dense", 8 * math.prod(map(int, shape)), "keep fewer columns")
    with _readable(str(path)):
        values = sparse.load_npz(path).toarray()
    note = "sparse matrix read as a dense one"
    return _Part(_Named(f"{path}: values", values), None, notes=(note,))


def _unused(names: Collection[str], used: Collection[str]) -> tuple[str, ...]:
    left = [name for name in names if name not in used]
    return (f"arrays not read: {some(left)}",) if left else ()


def _is_archive(path: Path) -> bool:
    """Whether a file is a zip archive; its end alone, where the directory is, may be chance."""
    with path.open("rb") as file:
        return file.read(2) == b"PK" and zipfile.is_zipfile(file)


def _member(path: Path, archive: "np.lib.npyio.NpzFile", name: str) -> _Named:
    with _readable(f"{path}: {name}"):
        return _Named(f"{path}: {name}", np.asarray(archive[name]))


@contextmanager
def _readable(where: str) -> Iterator[None]:
    """Turn what NumPy and SciPy raise while they read into a DataError."""

    def unreadable(why: str) -> DataError:
        if _OBJECTS.search(why):
            return DataError(
                f"{where} must hold numbers, got Python objects, which are never unpickled; save "
                "it as numbers, e.g. array.astype('float32'), or labels as array.astype('str')"
            )
        return DataError(
            f"{where} cannot be read as a NumPy array ({why}); save it again with numpy.save or "
            "numpy.savez"
        )

    with reading(where, unreadable):
        yield


def _names(path: Path, names: Sequence[str]) -> list[tuple[str, str, str | None]]:
    """The names of values and labels to read, each with its split; one without if there is none."""
    if {"x_train", "x_test"} <= set(names):
        return _split_names(path, names)
    labels = next((name for name in LABEL_NAMES if name in names), None)
    others = [name for name in names if name not in LABEL_NAMES]
    known = [name for name in VALUE_NAMES if name in names]
    if not known and len(others) != 1:
        raise DataError(
            f"{path}: an array named {', '.join(VALUE_NAMES)}, or x_train and x_test, is needed, "
            f"got {some(names) or 'none'}; rename the one that holds the values"
        )
    return [("", (known or others)[0], labels)]


def _split_names(path: Path, names: Sequence[str]) -> list[tuple[str, str, str | None]]:
    ends = {
        split: next((end for end in ends if f"x_{end}" in names), None)
        for split, ends in SPLITS.items()
    }
    there = {split: end for split, end in ends.items() if end is not None}
    labelled = [f"y_{end}" for end in there.values() if f"y_{end}" in names]
    lacking = [f"y_{end}" for end in there.values() if f"y_{end}" not in names]
    if labelled and lacking:
        raise DataError(
            f"{path}: labels of all splits are needed, got {', '.join(labelled)} and no "
            f"{', '.join(lacking)}; add the others or leave all out"
        )
    return [(split, f"x_{end}", f"y_{end}" if labelled else None) for split, end in there.items()]


def _check_values(values: _Named) -> None:
    """Refuse what isn't real numbers or has no features."""
    where, array = values.where, values.array
    if array.dtype.kind not in "buif" or array.dtype.itemsize > _WIDEST:
        raise DataError(
            f"{where} must hold real numbers, got the type {array.dtype}; convert it, e.g. with "
            "array.astype('float32')"
        )
    if array.ndim > _MOST_AXES:
        raise DataError(
            f"{where} must have at most {_MOST_AXES} axes, got {array.ndim}; reshape it"
        )
    if array.ndim < 2 or math.prod(array.shape[1:]) == 0:
        raise DataError(
            f"{where} must have the shape [N, features] or [N, ...], got {list(array.shape)}: "
            "items without features; reshape it"
        )


def _check_labels(part: _Part) -> None:
    if part.labels is None:
        return
    where, labels = part.labels.where, part.labels.array
    if labels.ndim != 1 or labels.dtype.kind not in "buifU":
        raise DataError(
            f"{where} must be 1-D, integers or strings, got {labels.dtype} of the shape "
            f"{list(labels.shape)}; convert it, e.g. with array.ravel().astype('int32')"
        )
    if len(labels) != len(part.values.array):
        raise DataError(
            f"{where} must hold one label for each example, got {len(labels)} labels for "
            f"{len(part.values.array)} examples; save both from the same rows"
        )


def _classes(parts: Sequence[_Part]) -> np.ndarray | None:
    """The labels of all examples, an empty text being none."""
    arrays = [part.labels.array for part in parts if part.labels is not None]
    if not arrays:
        return None
    labels = np.concatenate(arrays)
    with _readable(next(part.labels.where for part in parts if part.labels is not None)):
        named = labels.astype(object)  # characters that are none are met here
    named[named == ""] = None
    return named


def _joined(path: Path, parts: Sequence[_Part]) -> np.ndarray:
    """All values, the training split first; one part is passed on uncopied."""
    arrays = [part.values.array for part in parts]
    if len(arrays) == 1:
        return arrays[0]
    for part in parts:
        if not len(part.values.array):
            raise DataError(
                f"{path}: x_{part.split} must hold an example at least, got 0; save all under the "
                "name 'values' to have them split at random"
            )
        if part.values.array.shape[1:] != arrays[0].shape[1:]:
            raise DataError(
                f"{path}: x_train and x_{part.split} must have items of one shape, got "
                f"{list(arrays[0].shape[1:])} and {list(part.values.array.shape[1:])}; reshape one "
                "of them"
            )
    return np.concatenate(arrays)
