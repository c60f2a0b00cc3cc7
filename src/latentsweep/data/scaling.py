"""How values are brought to the size that networks learn from, by the study's field `scale`.

Counts stay as they are (data/kind.py). auto of any other array: the first rule that fits:

    all values in [0, 1]     x = values
    uint8                    x = values / 255
    any other                x = (values - mean) / std, two numbers, over the training split

auto of a table: the same, but that columns of different units have a mean and a standard deviation
each. The units are taken for one where more than half of the columns span at least half of what all
values span together.

standard and minmax take each column of rows by itself, and all values of other arrays together;
minmax looks at all examples, so that none is outside [0, 1].
"""

import math

import numpy as np

from latentsweep.data.dataset import Scale, blocks, extremes, is_large, rows_of
from latentsweep.study import Scaling


def scale_for(values: np.ndarray, train: np.ndarray, how: Scaling, *, table: bool = False) -> Scale:
    """The scale of values [N, ...] whose examples with the indices `train` are for training."""
    if how == "none":
        return Scale(0.0, 1.0)
    if how == "minmax":
        return _from_bounds(values)
    if how == "standard":
        return _by_column(values, train) if values.ndim == 2 else Scale(*_moments(values, train))
    return _chosen(values, train, table)


def said(scale: Scale, how: Scaling) -> str:
    """How values are scaled, in words."""
    if scale == Scale(0.0, 1.0):
        return "values as they are"
    if scale.columns is None and scale.offset == 0:
        return f"values divided by {scale.factor:g}"
    by = "least and greatest value" if how == "minmax" else "mean and standard deviation"
    if scale.columns is None:
        return f"by the {by} of all values"
    why = ", since their units differ" if how == "auto" else ""
    return f"by the {by} of each column{why}"


def _chosen(values: np.ndarray, train: np.ndarray, table: bool) -> Scale:
    if _in_unit_interval(values):
        return Scale(0.0, 1.0)
    if values.dtype == np.uint8:
        return Scale(0.0, 255.0)
    if table and not _one_unit(values):
        return _by_column(values, train)
    return Scale(*_moments(values, train))


def _in_unit_interval(values: np.ndarray) -> bool:
    """Whether all values lie in [0, 1]; of others no more is read than up to the first."""
    return all(block.min() >= 0 and block.max() <= 1 for _, block in blocks(values))


def _one_unit(values: np.ndarray) -> bool:
    lows, highs = (ends.astype(np.float64) for ends in (values.min(axis=0), values.max(axis=0)))
    return bool(np.mean(2 * (highs - lows) >= highs.max() - lows.min()) > 0.5)


def _from_bounds(values: np.ndarray) -> Scale:
    if values.ndim != 2:
        low, high = extremes(values)
        return Scale(float(low), float(high - low) or 1.0)
    lows, highs = values.min(axis=0), values.max(axis=0)
    return _columns(lows, highs.astype(np.float64) - lows)


def _by_column(values: np.ndarray, train: np.ndarray) -> Scale:
    if is_large(values):
        return _columns(*_column_moments(values, train))
    chosen = values[train].astype(np.float64)
    return _columns(chosen.mean(axis=0), chosen.std(axis=0))


def _column_moments(values: np.ndarray, train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column, a block at a time."""
    means = sum(rows.sum(axis=0, dtype=np.float64) for rows in rows_of(values, train)) / len(train)
    squares = sum(np.square(rows - means).sum(axis=0) for rows in rows_of(values, train))
    return np.asarray(means), np.sqrt(squares / len(train))


def _columns(offsets: np.ndarray, factors: np.ndarray) -> Scale:
    """A scale a column; one that is constant is only moved, since nothing can stretch it."""
    stretched = np.where(factors > 0, factors, 1.0)
    return Scale(tuple(offsets.astype(float).tolist()), tuple(stretched.tolist()))


def _moments(values: np.ndarray, indices: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation (over N, not N - 1) of all values of some examples."""
    count = len(indices) * math.prod(values.shape[1:])
    mean = sum(rows.sum(dtype=np.float64) for rows in rows_of(values, indices)) / count
    squares = sum(np.square(rows - np.float64(mean)).sum() for rows in rows_of(values, indices))
    return float(mean), math.sqrt(squares / count)
