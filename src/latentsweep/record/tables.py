"""Tables in Parquet files."""

import io
from pathlib import Path

import pandas as pd
import pyarrow as pa

from latentsweep.errors import RunFolderError
from latentsweep.record import atomic


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table without its index, atomically."""
    atomic.write(path, lambda temporary: table.to_parquet(temporary, index=False))


def read_table(path: Path) -> pd.DataFrame:
    """The table of a file, opened once: a run may put a newer one in its place meanwhile.

    Raises:
        RunFolderError: the file is missing or damaged.
    """
    try:
        return pd.read_parquet(io.BytesIO(path.read_bytes()))
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise RunFolderError(
            f"{path}: cannot be read as a Parquet table ({reason}); run the study again with "
            "--force"
        ) from None
