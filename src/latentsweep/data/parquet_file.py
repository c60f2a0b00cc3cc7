"""Parquet files as data frames; what pyarrow and pandas can't read is refused in one line."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet

from latentsweep.data.memory import check_fits
from latentsweep.data.raw import reading
from latentsweep.errors import DataError

SUFFIXES = (".parquet", ".pq")
ROW_NAMES = "row names"  # what a column of them is called that has no name


class Table(NamedTuple):
    """A data frame whose columns' names are text, and those of them that are its index."""

    frame: pd.DataFrame
    row_names: tuple[str, ...] = ()


def with_index(frame: pd.DataFrame) -> Table:
    """A table whose index is a column, if it is more than a count of the rows."""
    counts = isinstance(frame.index, pd.RangeIndex) and frame.index.name is None
    if counts:
        return Table(_named(frame))
    names = _free([str(name or ROW_NAMES) for name in frame.index.names], map(str, frame.columns))
    frame = frame.set_axis(frame.index.set_names(names), axis=0)
    return Table(_named(frame.reset_index()), tuple(names))


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.set_axis([str(name) for name in frame.columns], axis=1)


def _free(names: Sequence[str], taken: Iterator[str]) -> list[str]:
    """Names that are not taken by a column: a line below is added to those that are."""
    found, others = [], set(taken)
    for name in names:
        while name in others:
            name = f"{name}_"
        found.append(name)
        others.add(name)
    return found


def read(path: Path) -> Table:
    """The table in a Parquet file.

    Raises:
        DataError: no such file, not a table, or one that is larger than memory.
    """
    with guarded(path):
        groups = parquet.read_metadata(path)
        needed = sum(groups.row_group(i).total_byte_size for i in range(groups.num_row_groups))
        check_fits(f"data: '{path}' unpacked", needed, "save fewer rows or columns")
        return as_written(pd.read_parquet(path))


def as_written(frame: pd.DataFrame) -> Table:
    """The table that a Parquet file holds, its texts being UTF-8.

    Raises:
        ArrowException: one is not.
    """
    table = with_index(frame)
    for name in table.frame:
        column = table.frame[name]
        texts = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column
        if isinstance(texts.dtype, pd.StringDtype):
            pa.array(texts.array).validate(full=True)
    return table


def guarded(path: Path) -> AbstractContextManager[None]:
    """What pyarrow and pandas raise while they read a Parquet file becomes a DataError."""
    return reading(path, partial(unreadable, path))


def unreadable(path: Path, why: str) -> DataError:
    """The error of a file that is no table, given the reason."""
    return DataError(
        f"data: '{path}' cannot be read as a table ({why}); save it again as CSV or Parquet"
    )
