"""How values are brought to the size that networks learn from, by the study's field `scale`.

standard and minmax take each column of rows by itself, and all values of other arrays together;
minmax looks at all examples, so that none is outside [0, 1]. What auto takes depends on the
likelihood (data/kind.py). A Gaussian's values are standardised, whatever their range, so that the
unit of the data has no part in what is learned:

    x = (values - mean) / std      over the training split

two numbers for all values. Only columns of a table whose units differ have a mean and a standard
deviation each; the units are taken for one where more than half of the columns span at least half
of what all values span together.
"""

import math

import numpy as np

from latentsweep.data.dataset import Scale, extremes, is_large, rows_of
from latentsweep.study import Scaling

AS_THEY_ARE = Scale(0.0, 1.0)


def asked_for(values: np.ndarray, train: np.ndarray, how: Scaling) -> Scale:
    """The scale, not auto, of values [N, ...] whose examples `train` are for training."""
    if how == "none":
        return AS_THEY_ARE
    if how == "minmax":
        return _from_bounds(values)
    return _by_column(values, train) if values.ndim == 2 else Scale(*_moments(values, train))


def standardised(values: np.ndarray, train: np.ndarray, table: bool) -> Scale:
    """Mean and standard deviation of all values, or by column of a table of several units."""
    if table and not _one_unit(values):
        return _by_column(values, train)
    return Scale(*_moments(values, train))


def said(scale: Scale, how: Scaling, *, bounds: bool) -> str:
    """How values are scaled, in words.

    Args:
        bounds: whether they are brought to [0, 1] rather than standardised.
    """
    if scale == AS_THEY_ARE:
        return "values as they are"
    if bounds and scale.columns is None and scale.offset == 0:
        return f"values divided by {scale.factor:g}"
    by = "least and greatest value" if bounds else "mean and standard deviation"
    if scale.columns is None:
        return f"by the {by} of all values"
    why = ", since their units differ" if how == "auto" else ""
    return f"by the {by} of each column{why}"


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
    if is_large(values):  # a block at a time
        sums = (rows.sum(axis=0, dtype=np.float64) for rows in rows_of(values, train))
        means = np.asarray(sum(sums) / len(train))
        squares = sum(np.square(rows - means).sum(axis=0) for rows in rows_of(values, train))
        return _columns(means, np.sqrt(squares / len(train)))
    chosen = values[train].astype(np.float64)
    return _columns(chosen.mean(axis=0), chosen.std(axis=0))


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
