"""Parquet files as data frames; what pyarrow and pandas can't read is refused in one line.

Tables whose numbers do not fit into memory are read in batches of rows into a file.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet

from latentsweep.data import kept
from latentsweep.data.memory import check_fits, fits
from latentsweep.data.raw import reading
from latentsweep.errors import DataError

SUFFIXES = (".parquet", ".pq")
ROW_NAMES = "row names"  # what a column of them is called that has no name
_BATCH_VALUES = 2**22
_WHOLE_BYTES = 16  # a number's, while a table is read whole: as it was, and as float64

Numbers = Callable[[pd.DataFrame], pd.DataFrame]


class Table(NamedTuple):
    """A data frame whose columns' names are text, and those of them that are its index."""

    frame: pd.DataFrame
    row_names: tuple[str, ...] = ()


def with_index(frame: pd.DataFrame) -> Table:
    """A table whose index is a column, if it is more than a count of the rows."""
    names = []
    if not (isinstance(frame.index, pd.RangeIndex) and frame.index.name is None):
        taken = set(map(str, frame.columns))
        for name in frame.index.names:
            name = str(name or ROW_NAMES)
            while name in taken:
                name = f"{name}_"
            names.append(name)
            taken.add(name)
        frame = frame.set_axis(frame.index.set_names(names), axis=0).reset_index()
    return Table(frame.set_axis([str(name) for name in frame.columns], axis=1), tuple(names))


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


# -- in batches


def needed(path: Path) -> bool:
    """Whether a file is a Parquet table that is too large to be read whole."""
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    try:
        about = parquet.read_metadata(path)
    except Exception:
        return False  # what is wrong is said by reading it
    return not fits(_WHOLE_BYTES * about.num_rows * about.num_columns)


def header(path: Path) -> Table:
    """A table's columns, without a row."""
    with guarded(path):
        return with_index(parquet.read_schema(path).empty_table().to_pandas())


def columns(path: Path, names: Sequence[str]) -> pd.DataFrame:
    """Some columns of a table, whole; those of its index too."""
    if not names:
        return pd.DataFrame()
    with guarded(path):
        there = [name for name in names if name in parquet.read_schema(path).names]
        return as_written(pd.read_parquet(path, columns=there)).frame


def numbers(path: Path, names: pd.Index, read: Numbers) -> np.ndarray:
    """The features of a table as a memory map [N, D] of a file in the cache, missing ones NaN.

    They are read twice: for the type that holds all numbers, and to write them.

    Args:
        path: of the table.
        names: the features.
        read: the features as numbers, as which text is refused.
    """
    dtype = _dtype(_batches(path, names, read))
    made = (frame.to_numpy(np.float64, na_value=np.nan) for frame in _batches(path, names, read))
    key = (*kept.sampled(np.memmap(path, np.uint8, "r")), repr(list(names)).encode())
    return kept.kept((parquet.read_metadata(path).num_rows, len(names)), dtype, made, key)


def _batches(path: Path, names: pd.Index, read: Numbers) -> Iterator[pd.DataFrame]:
    """Some columns as numbers, a batch of rows at a time, the rows counted through."""
    start, rows = 0, max(1, _BATCH_VALUES // len(names))
    with guarded(path):
        file = parquet.ParquetFile(path, memory_map=True)
        for batch in file.iter_batches(batch_size=rows, columns=list(names)):
            frame = as_written(batch.to_pandas()).frame[names]
            yield read(frame.set_axis(range(start, start + len(frame))))
            start += len(frame)


def _dtype(batches: Iterator[pd.DataFrame]) -> str:
    """The stored type that holds all numbers, as for a table in memory."""
    kinds, whole = set(), np.iinfo(np.int32)
    for frame in batches:
        kinds |= {np.dtype(getattr(k, "numpy_dtype", k)) for k in frame.dtypes}
        values = frame.to_numpy(np.float64, na_value=np.nan)
        if not {kind.kind for kind in kinds} <= set("bui") or np.isnan(values).any():
            return "float32"
        if values.min() < whole.min or values.max() > whole.max:
            return "float32"
    return "uint8" if kinds <= {np.dtype(bool), np.dtype(np.uint8)} else "int32"
