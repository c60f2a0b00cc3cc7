"""Parquet tables whose numbers do not fit into memory, read in batches of rows into a file.

They are read twice: once for the type that holds all numbers, and once to write them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as parquet

from latentsweep.data import kept
from latentsweep.data.memory import fits
from latentsweep.data.parquet_file import SUFFIXES, Table, as_written, guarded, with_index

_BATCH_VALUES = 2**22
_WHOLE_BYTES = 16  # a number's, while a table is read whole: as it was, and as float64

Numbers = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True, eq=False)
class OnDisk:
    """The features of a table as a memory map [N, D] with the columns' names, missing ones NaN."""

    values: np.ndarray
    columns: pd.Index

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: np.ndarray) -> "OnDisk":
        return OnDisk(kept.without(self.values, ~rows), self.columns)


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


def numbers(path: Path, names: pd.Index, read: Numbers) -> OnDisk:
    """The features of a table in a file of the cache, of whole numbers where all are.

    Args:
        path: of the table.
        names: the features.
        read: the features as numbers, as which text is refused.
    """
    chosen = _Chosen(path, names, read)
    about = parquet.read_metadata(path)
    key = (*kept.sampled(np.memmap(path, np.uint8, "r")), repr(list(names)).encode())
    shape = (about.num_rows, len(names))
    return OnDisk(kept.kept(shape, chosen.dtype(), chosen.arrays(), key), names)


@dataclass(frozen=True, eq=False)
class _Chosen:
    """Some columns of a table, a batch of rows at a time."""

    path: Path
    names: pd.Index
    read: Numbers

    def frames(self) -> Iterator[pd.DataFrame]:
        """The batches, their rows counted through."""
        start = 0
        for frame in self._read():
            yield self.read(frame.set_axis(range(start, start + len(frame))))
            start += len(frame)

    def _read(self) -> Iterator[pd.DataFrame]:
        rows = max(1, _BATCH_VALUES // len(self.names))
        with guarded(self.path):
            file = parquet.ParquetFile(self.path, memory_map=True)
            for batch in file.iter_batches(batch_size=rows, columns=list(self.names)):
                yield as_written(batch.to_pandas()).frame[self.names]

    def arrays(self) -> Iterator[np.ndarray]:
        """The numbers of each batch."""
        return (frame.to_numpy(np.float64, na_value=np.nan) for frame in self.frames())

    def dtype(self) -> str:
        """The stored type that holds all numbers, as for a table in memory."""
        kinds, whole = set(), np.iinfo(np.int32)
        for frame in self.frames():
            kinds |= {np.dtype(getattr(k, "numpy_dtype", k)) for k in frame.dtypes}
            values = frame.to_numpy(np.float64, na_value=np.nan)
            if not {kind.kind for kind in kinds} <= set("bui") or np.isnan(values).any():
                return "float32"
            if values.min() < whole.min or values.max() > whole.max:
                return "float32"
        return "uint8" if kinds <= {np.dtype(bool), np.dtype(np.uint8)} else "int32"
