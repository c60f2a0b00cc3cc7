"""NumPy files as data sets: .npy (one array) or .npz (several, by name), items of any shape.

Values are stored as uint8 (from uint8 and bool), int32 (from integers) or float32 (from floats)
and scaled as `data.scaling` says. Nothing is ever unpickled, and an archive that would not fit in
memory is refused before it is unpacked.
"""

import math
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

from latentsweep.data import grouping, kept
from latentsweep.data.dataset import Dataset, extremes, leading, parted, rows_of
from latentsweep.data.memory import check_archive, fits
from latentsweep.data.missing import Gaps, filled, gaps, plural
from latentsweep.data.scaling import scale_for
from latentsweep.errors import DataError
from latentsweep.study import Missing, Scaling

VALUE_NAMES = ("values", "x", "X", "data", "images")
LABEL_NAMES = ("labels", "y")
MIN_EXAMPLES = 10
# What numpy.load says instead of unpickling; it has no error class of its own for that.
_OBJECTS = re.compile(r"Object arrays|Python objects")


@dataclass(frozen=True)
class _Named:
    """An array and what to call it in a message: the file and its name in there."""

    where: str
    array: np.ndarray

    def without(self, rows: np.ndarray) -> "_Named":
        """The array without some of its rows."""
        if self.array.dtype.kind == "f" and not fits(self.array.nbytes):
            return _Named(self.where, kept.without(self.array, rows))
        return _Named(self.where, self.array[~rows])


class _Part(NamedTuple):
    """Values with their labels: all of the data, or its training or test split."""

    values: _Named
    labels: _Named | None


def load(
    path: Path,
    test_fraction: float,
    seed: int,
    *,
    missing: Missing = "error",
    scale: Scaling = "auto",
    by_order: bool = False,
) -> Dataset:
    """The data set in a .npy or .npz file; a .npy file stays a memory map where its type allows.

    An .npz file that holds x_train and x_test brings its own test split; any other file is split
    at random, or into blocks of consecutive examples.

    Raises:
        DataError: no such file, not a NumPy file, or values that can't be learned from.
    """
    where, notes = f"{path}: values", []
    parts = [_settled(part, missing, notes) for part in _read(path)]
    joined = _joined(path, parts)
    groups = grouping.by_order(len(joined)) if by_order and len(parts) == 1 else None
    splits = (
        parted(len(joined), test_fraction, seed, groups and groups.numbers)
        if len(parts) == 1
        else leading(len(joined), len(parts[0].values.array))
    )
    if missing == "mean" and (count := gaps(joined).count):
        joined = filled(where, joined, splits["train"])
        notes.append(f"{plural(count, 'missing value')} filled in with the feature's mean")
    values = _pictures(stored(where, joined))
    _check_variation(where, values, splits["train"])
    labels, label_names = _classes(parts)
    return Dataset(
        name=path.stem,
        source=str(path),
        values=values,
        scale=scale_for(values, splits["train"], scale),
        splits=splits,
        labels=labels,
        label_names=label_names,
        groups=groups and groups.numbers,
        notes=(*notes, *([groups.words] if groups else ())),
    )


def _settled(part: _Part, missing: Missing, notes: list[str]) -> _Part:
    """A part whose values and labels are checked, without the examples that are left out."""
    _check_values(part.values)
    _check_labels(part)
    if missing == "mean" or not (found := gaps(part.values.array)).count:
        return part
    if missing == "error":
        _refuse(part.values.where, found)
    notes.append(f"{plural(found.rows.sum(), 'example')} with missing values left out")
    labels = part.labels and part.labels.without(found.rows)
    return _Part(part.values.without(found.rows), labels)


def _read(path: Path) -> list[_Part]:
    """The arrays of a file: one part, or the training and the test part."""
    with _readable(str(path)):
        if not _is_archive(path):
            values = np.lib.format.open_memmap(path, mode="r")
            return [_Part(_Named(f"{path}: values", values), None)]
        archive = np.load(path, allow_pickle=False)
    with archive:
        pairs = _names(path, archive.files)
        check_archive(path, [name for pair in pairs for name in pair if name])
        return [
            _Part(
                _member(path, archive, values), _member(path, archive, labels) if labels else None
            )
            for values, labels in pairs
        ]


def _is_archive(path: Path) -> bool:
    """Whether a file is a zip archive; its end alone, where the directory is, may be chance."""
    with path.open("rb") as file:
        return file.read(2) == b"PK" and zipfile.is_zipfile(file)


def _member(path: Path, archive: "np.lib.npyio.NpzFile", name: str) -> _Named:
    with _readable(f"{path}: {name}"):
        return _Named(f"{path}: {name}", np.asarray(archive[name]))


@contextmanager
def _readable(where: str) -> Iterator[None]:
    """Turn what NumPy raises while it reads into a DataError."""
    try:
        yield
    except (FileNotFoundError, PermissionError) as error:
        raise DataError(
            f"data: cannot open '{where}' ({error.strerror}); check the path and who may read it"
        ) from None
    except (ValueError, EOFError, OSError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        if _OBJECTS.search(str(error)):
            raise DataError(
                f"{where} must hold numbers, got Python objects, which are never unpickled; save "
                "it as numbers, e.g. array.astype('float32'), or labels as array.astype('str')"
            ) from None
        reason = " ".join(str(error).split()).rstrip(".")
        raise DataError(
            f"{where} cannot be read as a NumPy array ({reason}); save it again with numpy.save "
            "or numpy.savez"
        ) from None


def _names(path: Path, names: Sequence[str]) -> list[tuple[str, str | None]]:
    """The names of values and labels to read: one pair, or the training and the test pair."""
    if {"x_train", "x_test"} <= set(names):
        return _split_names(path, names)
    labels = next((name for name in LABEL_NAMES if name in names), None)
    others = [name for name in names if name not in LABEL_NAMES]
    known = [name for name in VALUE_NAMES if name in names]
    if not known and len(others) != 1:
        raise DataError(
            f"{path}: an array named {', '.join(VALUE_NAMES)}, or x_train and x_test, is needed, "
            f"got {', '.join(names) or 'none'}; rename the one that holds the values"
        )
    return [((known or others)[0], labels)]


def _split_names(path: Path, names: Sequence[str]) -> list[tuple[str, str | None]]:
    labelled = [name for name in ("y_train", "y_test") if name in names]
    if len(labelled) == 1:
        raise DataError(
            f"{path}: y_train and y_test are needed both, got only {labelled[0]}; add the other "
            "or leave both out"
        )
    if not labelled:
        return [("x_train", None), ("x_test", None)]
    return [("x_train", "y_train"), ("x_test", "y_test")]


def _check_values(values: _Named) -> None:
    """Refuse what isn't real numbers or has no features."""
    where, array = values.where, values.array
    if array.dtype.kind not in "buif":
        raise DataError(
            f"{where} must hold real numbers, got the type {array.dtype}; convert it, e.g. with "
            "array.astype('float32')"
        )
    if array.ndim < 2 or math.prod(array.shape[1:]) == 0:
        raise DataError(
            f"{where} must have the shape [N, features] or [N, ...], got {list(array.shape)}: "
            "items without features; reshape it"
        )


def _refuse(where: str, found: Gaps) -> NoReturn:
    raise DataError(
        f"{where} must be finite, got {found.count} NaN or infinite, the first at {found.first}; "
        f"--missing drop leaves {plural(found.rows.sum(), 'example')} out, --missing mean fills in "
        "the mean"
    )


def _check_labels(part: _Part) -> None:
    if part.labels is None:
        return
    where, labels = part.labels.where, part.labels.array
    if labels.ndim != 1 or labels.dtype.kind not in "buiU":
        raise DataError(
            f"{where} must be 1-D, integers or strings, got {labels.dtype} of the shape "
            f"{list(labels.shape)}; convert it, e.g. with array.ravel().astype('int32')"
        )
    if len(labels) != len(part.values.array):
        raise DataError(
            f"{where} must hold one label for each example, got {len(labels)} labels for "
            f"{len(part.values.array)} examples; save both from the same rows"
        )


def _joined(path: Path, parts: Sequence[_Part]) -> np.ndarray:
    """All values, the training split first; one part is passed on uncopied."""
    arrays = [part.values.array for part in parts]
    count = sum(len(array) for array in arrays)
    if count < MIN_EXAMPLES:
        raise DataError(
            f"{path}: at least {MIN_EXAMPLES} examples are needed, got {count}; the first axis "
            "must count the examples"
        )
    if len(arrays) == 1:
        return arrays[0]
    train, test = arrays
    if train.shape[1:] != test.shape[1:]:
        raise DataError(
            f"{path}: x_train and x_test must have items of one shape, got "
            f"{list(train.shape[1:])} and {list(test.shape[1:])}; reshape one of them"
        )
    if not len(train) or not len(test):
        raise DataError(
            f"{path}: x_train and x_test must hold an example at least, got {len(train)} and "
            f"{len(test)}; save all under the name 'values' to have them split at random"
        )
    return np.concatenate(arrays)


def stored(where: str, values: np.ndarray) -> np.ndarray:
    """The values in the stored type of their kind; those that have it already stay uncopied.

    Raises:
        DataError: one is too large for it.
    """
    if values.dtype == np.uint8 or values.dtype == np.bool:
        return _of_type(values, np.dtype(np.uint8))
    floats = values.dtype.kind == "f"
    limits = np.finfo(np.float32) if floats else np.iinfo(np.int32)
    low, high = (np.array(limit, limits.dtype).item() for limit in (limits.min, limits.max))
    for extreme in extremes(values):
        if not low <= extreme <= high:
            remedy = "divide them by a constant" if floats else "save them as float32"
            raise DataError(
                f"{where} must fit in {limits.dtype} ({low} to {high}), got {extreme}; {remedy}"
            )
    return _of_type(values, limits.dtype)


def _of_type(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The values in a stored type and row by row, through the disk if memory has no room."""
    if values.dtype == dtype and values.flags.c_contiguous:
        return values
    if not fits(values.size * dtype.itemsize):
        return kept.converted(values, dtype.name)
    return values.astype(dtype, copy=False)


def _pictures(values: np.ndarray) -> np.ndarray:
    """8-bit pictures [N, H, W] as [N, H, W, 1]; any other values as they are."""
    return values[..., np.newaxis] if values.dtype == np.uint8 and values.ndim == 3 else values


def _check_variation(where: str, values: np.ndarray, train: np.ndarray) -> None:
    first = values[train[0]].flat[0]
    if all((rows == first).all() for rows in rows_of(values, train)):
        raise DataError(
            f"{where} must differ within the training split, got {first.item()} everywhere; check "
            "how they were saved"
        )


def _classes(parts: Sequence[_Part]) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """Class numbers of all examples and the classes' names, numbered in their sorted order."""
    arrays = [part.labels.array for part in parts if part.labels is not None]
    if not arrays:
        return None, None
    names, numbers = np.unique(np.concatenate(arrays), return_inverse=True)
    return numbers.astype(np.int32), tuple(str(name) for name in names)
