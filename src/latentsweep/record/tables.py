"""Tables in Parquet files."""

import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from latentsweep.record import atomic
from latentsweep.record.reading import check_table, reading


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table without its index, atomically."""
    atomic.write(path, lambda temporary: table.to_parquet(temporary, index=False))


def read_table(path: Path, columns: Sequence[str] = ()) -> pd.DataFrame:
    """The table of a file, opened once: a run may put a newer one in its place meanwhile.

    Args:
        columns: those that it needs to have, if it is a run's own.

    Raises:
        RunFolderError: the file is missing or damaged.
    """
    with reading(path):
        table = pd.read_parquet(io.BytesIO(path.read_bytes()))
        if columns:
            check_table(path, table, columns)
        return table
