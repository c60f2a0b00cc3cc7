"""NumPy files as data sets: .npy (one array) or .npz (several, by name), items of any shape.

Values are stored as uint8 (from uint8 and bool), int32 (from integers) or float32 (from floats)
and scaled by the first rule that fits:

    all values in [0, 1]     x = values
    uint8                    x = values / 255
    any other                x = (values - mean) / std, two numbers, over the training split

Nothing is ever unpickled.
"""

import math
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latentsweep.data.dataset import Dataset, Scale, blocks, extremes, leading, split
from latentsweep.errors import DataError

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


@dataclass(frozen=True)
class _Part:
    """Values with their labels: all of the data, or its training or test split."""

    values: _Named
    labels: _Named | None


def load(path: Path, test_fraction: float, seed: int) -> Dataset:
    """The data set in a .npy or .npz file; a .npy file stays a memory map where its type allows.

    An .npz file that holds x_train and x_test brings its own test split; any other file is split
    at random.

    Raises:
        DataError: no such file, not a NumPy file, or values that can't be learned from.
    """
    parts = _read(path)
    for part in parts:
        _check_values(part.values)
        _check_labels(part)
    values = _pictures(_stored(f"{path}: values", _joined(path, parts)))
    splits = (
        split(len(values), test_fraction, seed)
        if len(parts) == 1
        else leading(len(values), len(parts[0].values.array))
    )
    _check_variation(f"{path}: values", values, splits["train"])
    labels, label_names = _classes(parts)
    return Dataset(
        name=path.stem,
        source=str(path),
        values=values,
        scale=_scale(values, splits["train"]),
        splits=splits,
        labels=labels,
        label_names=label_names,
    )


def _read(path: Path) -> list[_Part]:
    """The arrays of a file: one part, or the training and the test part."""
    with _readable(str(path)):
        if not _is_archive(path):
            values = np.lib.format.open_memmap(path, mode="r")
            return [_Part(_Named(f"{path}: values", values), None)]
        archive = np.load(path, allow_pickle=False)
    with archive:
        return [
            _Part(
                _member(path, archive, values), _member(path, archive, labels) if labels else None
            )
            for values, labels in _names(path, archive.files)
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
    except (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
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
    """Refuse what isn't real numbers, has no features, or isn't finite."""
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
    if array.dtype.kind == "f":
        _check_finite(where, array)


def _check_finite(where: str, array: np.ndarray) -> None:
    count, first = 0, ()
    for start, block in blocks(array):
        bad = ~np.isfinite(block)
        if not count and bad.any():
            row, *rest = (int(i) for i in np.unravel_index(bad.argmax(), bad.shape))
            first = (start + row, *rest)
        count += int(bad.sum())
    if count:
        raise DataError(
            f"{where} must be finite, got {count} NaN or infinite, the first at {first}; fill "
            "them in or leave those examples out"
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


def _stored(where: str, values: np.ndarray) -> np.ndarray:
    """The values in the stored type of their kind; those that have it already stay uncopied."""
    if values.dtype == np.uint8 or values.dtype == np.bool:
        return values.astype(np.uint8, copy=False)
    floats = values.dtype.kind == "f"
    limits = np.finfo(np.float32) if floats else np.iinfo(np.int32)
    low, high = (np.array(limit, limits.dtype).item() for limit in (limits.min, limits.max))
    for extreme in extremes(values):
        if not low <= extreme <= high:
            remedy = "divide them by a constant" if floats else "save them as float32"
            raise DataError(
                f"{where} must fit in {limits.dtype} ({low} to {high}), got {extreme}; {remedy}"
            )
    return values.astype(limits.dtype, copy=False)


def _pictures(values: np.ndarray) -> np.ndarray:
    """8-bit pictures [N, H, W] as [N, H, W, 1]; any other values as they are."""
    return values[..., np.newaxis] if values.dtype == np.uint8 and values.ndim == 3 else values


def _check_variation(where: str, values: np.ndarray, train: np.ndarray) -> None:
    first = values[train[0]].flat[0]
    if all((rows == first).all() for rows in _rows(values, train)):
        raise DataError(
            f"{where} must differ within the training split, got {first.item()} everywhere; check "
            "how they were saved"
        )


def _scale(values: np.ndarray, train: np.ndarray) -> Scale:
    """The first rule that fits (see the top of this file)."""
    low, high = extremes(values)
    if low >= 0 and high <= 1:
        return Scale(0.0, 1.0)
    if values.dtype == np.uint8:
        return Scale(0.0, 255.0)
    return Scale(*_moments(values, train))


def _moments(values: np.ndarray, indices: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation (over N, not N - 1) of all values of some examples."""
    count = len(indices) * math.prod(values.shape[1:])
    mean = sum(rows.sum(dtype=np.float64) for rows in _rows(values, indices)) / count
    squares = sum(np.square(rows - np.float64(mean)).sum() for rows in _rows(values, indices))
    return float(mean), math.sqrt(squares / count)


def _rows(values: np.ndarray, indices: np.ndarray) -> Iterator[np.ndarray]:
    """The examples with these indices, in the data's order, a block at a time."""
    chosen = np.zeros(len(values), bool)
    chosen[indices] = True
    for start, block in blocks(values):
        yield block[chosen[start : start + len(block)]]


def _classes(parts: Sequence[_Part]) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """Class numbers of all examples and the classes' names, numbered in their sorted order."""
    arrays = [part.labels.array for part in parts if part.labels is not None]
    if not arrays:
        return None, None
    names, numbers = np.unique(np.concatenate(arrays), return_inverse=True)
    return numbers.astype(np.int32), tuple(str(name) for name in names)
