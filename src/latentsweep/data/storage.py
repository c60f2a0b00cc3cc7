"""How values are stored: in a type that is chosen from what they are, not from how they came.

    whole numbers from 0 to 255          uint8
    whole numbers to 2^24 either way     int32
    any other                            float32

So a table has the same stored values whether it came as CSV or Parquet, as float64 or uint8. Large
values that have one of these types already keep it, since changing it would copy them.

Numbers of a float32 have 24 bits. Where values lie far from 0 for how little they vary, as seconds
since 1970 do, these bits say little of what differs. Such values are centred first, in float64:
what is stored is their difference from an origin, the mean over the training split.
"""

from typing import Any

import numpy as np

from latentsweep.data import kept
from latentsweep.data.dataset import FAR, STORED_TYPES, blocks, extremes, is_large, rows_of
from latentsweep.data.memory import fits
from latentsweep.errors import DataError

Origin = float | tuple[float, ...]
NO_ORIGIN = 0.0
_EXACT = 2**24  # whole numbers that a float32 has, either way


def stored(
    where: str, values: np.ndarray, train: np.ndarray, *, by_column: bool
) -> tuple[np.ndarray, Origin]:
    """The values in their stored type, and their origin: of each column, or 0 where none is far.

    Raises:
        DataError: one is too large for float32.
    """
    if is_large(values) and values.dtype in STORED_TYPES:
        return _of_type(values, values.dtype), NO_ORIGIN
    low, high = extremes(values)
    _check_size(where, low, high)
    whole = values.dtype.kind in "bui" or all((b == np.rint(b)).all() for _, b in blocks(values))
    kind = np.dtype("int32" if whole and max(-low, high) <= _EXACT else "float32")
    if whole and low >= 0 and high <= np.iinfo(np.uint8).max:
        kind = np.dtype("uint8")
    if kind != np.uint8 and (origin := _origin(values, train, by_column)) != NO_ORIGIN:
        if not fits(4 * values.size):
            return kept.centred(values, np.asarray(origin)), origin
        return (values - np.asarray(origin, np.float64)).astype(np.float32), origin
    return _of_type(values, kind), NO_ORIGIN


def own(values: Any, origin: Origin) -> Any:
    """Stored values [..., D] in the data's own unit, in float64 where there is an origin."""
    return values if origin == NO_ORIGIN else np.asarray(values, np.float64) + np.asarray(origin)


def _check_size(where: str, low: float, high: float) -> None:
    most = float(np.finfo(np.float32).max)
    for extreme in (low, high):
        if not -most <= extreme <= most:
            raise DataError(
                f"{where} must fit in float32 ({-most} to {most}), got {extreme}; divide them by a "
                "constant"
            )


def _origin(values: np.ndarray, train: np.ndarray, by_column: bool) -> Origin:
    """Means over the training split: one of all values if that brings them near, or by column.

    0 of what does not lie far from 0.
    """
    columns = (0,) if by_column else tuple(range(values.ndim))
    means = sum(rows.sum(axis=columns, dtype=np.float64) for rows in rows_of(values, train))
    means = np.asarray(means) / _count(values, train, columns)
    squares = sum(np.square(rows - means).sum(axis=columns) for rows in rows_of(values, train))
    squares = np.asarray(squares) / _count(values, train, columns)
    means, squares = _without_outliers(values, train, means, squares)
    varies = squares > np.square(4 * np.spacing(np.abs(means)))  # else it is a constant, rounded
    far = (np.abs(means) > FAR * np.sqrt(squares)) & varies
    if not far.any():
        return NO_ORIGIN
    middle = float(means.mean())
    if not (np.abs(means - middle) > FAR * np.sqrt(squares))[varies].any():
        return middle
    return tuple(np.where(far, means, 0.0).tolist())


def _without_outliers(
    values: np.ndarray, train: np.ndarray, means: np.ndarray, squares: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Of columns the median and the squared spread of the middle half, where that is far less.

    A few zeros among times would otherwise hide that the others are far from 0.
    """
    if means.ndim == 0:
        return means, squares
    few = values[train[np.linspace(0, len(train) - 1, min(len(train), 5_000)).astype(int)]]
    low, middle, high = np.percentile(few.astype(np.float64), (25, 50, 75), axis=0)
    less = (high > low) & (FAR**2 * np.square(high - low) < np.square(middle))
    return np.where(less, middle, means), np.where(less, np.square(high - low), squares)


def _count(values: np.ndarray, train: np.ndarray, axes: tuple[int, ...]) -> int:
    return len(train) * int(np.prod(values.shape[1:])) if len(axes) > 1 else len(train)


def _of_type(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The values in a stored type and row by row, through the disk if memory has no room."""
    if values.dtype == dtype and values.flags.c_contiguous:
        return values
    if not fits(values.size * dtype.itemsize):
        return kept.converted(values, dtype.name)
    return np.ascontiguousarray(values, dtype)
