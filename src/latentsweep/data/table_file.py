"""CSV and Parquet files as data frames; what can't be read is refused in one line."""

import warnings
from pathlib import Path

import pandas as pd
import pyarrow.parquet as parquet
from pyarrow import ArrowException

from latentsweep.data.memory import check_fits
from latentsweep.errors import DataError

PARQUET = (".parquet", ".pq")
_SEPARATORS = ",;\t"


def read(path: Path) -> pd.DataFrame:
    """The table in a file, its first line or its schema naming the columns.

    Raises:
        DataError: no such file, not a table, or one that is larger than memory.
    """
    try:
        frame = _parquet(path) if path.suffix.lower() in PARQUET else _csv(path)
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise DataError(
            f"data: cannot open '{path}' ({error.strerror}); check the path and who may read it"
        ) from None
    except UnicodeDecodeError:
        raise DataError(f"data: '{path}' is not a UTF-8 text file; save it as UTF-8") from None
    except (ValueError, OSError, ArrowException, pd.errors.ParserError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise DataError(
            f"data: '{path}' cannot be read as a table ({reason}); save it again as CSV or Parquet"
        ) from None
    return with_index(frame)


def with_index(frame: pd.DataFrame) -> pd.DataFrame:
    """A table whose index is a column if it has a name, and whose columns' names are text."""
    frame = frame.reset_index(drop=frame.index.names == [None])
    return frame.set_axis([str(name) for name in frame.columns], axis=1)


def _parquet(path: Path) -> pd.DataFrame:
    groups = parquet.read_metadata(path)
    needed = sum(groups.row_group(i).total_byte_size for i in range(groups.num_row_groups))
    check_fits(f"data: '{path}' unpacked", needed, "save fewer rows or columns")
    return pd.read_parquet(path)


def _csv(path: Path) -> pd.DataFrame:
    remedy = "save it as Parquet (docs/data.md), which is read in parts"
    check_fits(f"data: '{path}'", path.stat().st_size, remedy)
    separator = _separator(path)
    frame = _read_csv(path, separator, ".")
    if separator != "," and any(_has_decimal_commas(frame[name]) for name in frame):
        frame = _read_csv(path, separator, ",")
    _check_header(path, frame)
    return frame


def _read_csv(path: Path, separator: str, decimal: str) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.DtypeWarning)  # text among numbers: told later
        return pd.read_csv(
            path, sep=separator, decimal=decimal, encoding="utf-8-sig", index_col=False
        )


def _separator(path: Path) -> str:
    """What the first line has most of."""
    with path.open(encoding="utf-8-sig") as file:
        line = file.readline()
    return max(_SEPARATORS, key=line.count)


def _has_decimal_commas(column: pd.Series) -> bool:
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return False
    return bool(column.dropna().astype(str).str.fullmatch(r"\s*[-+]?\d+,\d+\s*").any())


def _check_header(path: Path, frame: pd.DataFrame) -> None:
    """Refuse a first line of numbers, but those that count the columns."""
    names = [str(name) for name in frame.columns]
    counted = [str(i) for i in range(len(names))]
    if names and all(_is_number(name) for name in names) and names != counted:
        raise DataError(
            f"data: the first line of '{path}' must name the columns, got numbers alone "
            f"({', '.join(names[:3])}{', ...' if len(names) > 3 else ''}); write names above them"
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
