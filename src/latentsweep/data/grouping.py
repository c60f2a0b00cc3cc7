"""Which examples belong together: no split has part of a group.

The groups of a column are its values. A column of times, or of numbers that are nearly all
different, is in order rather than in groups: it is cut into blocks of consecutive values.
"""

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from latentsweep.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

BLOCKS = 20
ORDER = "order"  # splits by the order of the examples, where no column has this name


class Groups(NamedTuple):
    """Every example's group, an int32 number, and what the groups are, in words."""

    numbers: np.ndarray
    words: str


def by_order(count: int) -> Groups:
    """Blocks of consecutive examples."""
    words = f"split by order: {min(BLOCKS, count)} blocks of consecutive examples, none divided"
    return Groups(_cut(np.arange(count)), words)


def by_column(name: str, column: "pd.Series") -> Groups:
    """The groups of a column's values, or blocks of its time.

    Raises:
        DataError: there is only one group.
    """
    times = _times(column)
    if times is not None:
        numbers = _cut(times)
        return Groups(
            numbers,
            f"split by {name}: {numbers.max() + 1} blocks of consecutive values, none divided",
        )
    found, numbers = np.unique(column.astype(str).to_numpy(str), return_inverse=True)
    if len(found) < 2:
        raise DataError(
            f"split_by: a column of two groups or more is needed, got '{found[0]}' everywhere in "
            f"'{name}'; name another with --split-by, or leave it out"
        )
    return Groups(numbers.astype(np.int32), f"split by {name}: {len(found)} groups, none divided")


def _times(column: "pd.Series") -> np.ndarray | None:
    """A column that is in order, as numbers; None for one of groups."""
    import pandas as pd  # noqa: PLC0415  (only where there is a table)

    if pd.api.types.is_datetime64_any_dtype(column):
        return column.to_numpy("datetime64[ns]").astype(np.int64)
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy() if 2 * column.nunique() > len(column) else None
    if all(re.match(r"\d{4}-\d\d-\d\d", str(value)) for value in column):
        read = pd.to_datetime(column.astype(str), errors="coerce", format="ISO8601", utc=True)
        if read.notna().all() and 2 * read.nunique() > len(read):
            return read.dt.tz_localize(None).to_numpy("datetime64[ns]").astype(np.int64)
    return None


def _cut(values: np.ndarray) -> np.ndarray:
    """Blocks of about as many examples each, equal values being in one."""
    _, ranks, counts = np.unique(values, return_inverse=True, return_counts=True)
    before = (np.cumsum(counts) - counts)[ranks]
    blocks = min(BLOCKS, len(values)) * before // len(values)
    return np.unique(blocks, return_inverse=True)[1].astype(np.int32)
