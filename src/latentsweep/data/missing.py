"""Missing values: those that are not finite numbers, and what the study's field `missing` does."""

from dataclasses import dataclass

import numpy as np

from latentsweep.data import kept
from latentsweep.data.dataset import blocks, is_large, rows_of
from latentsweep.data.memory import fits
from latentsweep.errors import DataError


@dataclass(frozen=True, eq=False)
class Gaps:
    """Missing values of an array: how many, the index of the first, and the examples of each."""

    count: int
    first: tuple[int, ...]
    rows: np.ndarray


def gaps(values: np.ndarray) -> Gaps:
    """The missing values of an array [N, ...]."""
    count, first, rows = 0, (), np.zeros(len(values), bool)
    for start, block in blocks(values) if values.dtype.kind == "f" else ():
        bad = ~np.isfinite(block)
        if not count and bad.any():
            row, *rest = (int(i) for i in np.unravel_index(bad.argmax(), bad.shape))
            first = (start + row, *rest)
        count += int(bad.sum())
        rows[start : start + len(block)] = bad.reshape(len(block), -1).any(axis=1)
    return Gaps(count, first, rows)


def filled(where: str, values: np.ndarray, train: np.ndarray) -> np.ndarray:
    """The values with each feature's mean over the training split in the place of missing ones.

    Raises:
        DataError: a feature has no value in the training split.
    """
    means = _means(where, values, train)
    if not fits(2 * values.nbytes):
        return kept.filled(values, means)
    return np.where(np.isfinite(values), values, means).astype(values.dtype)


def _means(where: str, values: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Each feature's mean over the training split; of large data block by block."""
    parts = rows_of(values, train) if is_large(values) else [values[train]]
    counts, sums = np.zeros(values.shape[1:], np.int64), np.zeros(values.shape[1:])
    for rows in parts:
        known = np.isfinite(rows)
        counts += known.sum(axis=0)
        sums += np.where(known, rows, 0).sum(axis=0, dtype=np.float64)
    if not counts.all():
        place = tuple(int(i) for i in np.argwhere(counts == 0)[0])
        raise DataError(
            f"{where}: a value in the training split is needed to fill in the mean, got none for "
            f"the feature {place}; leave that feature out"
        )
    return sums / counts
