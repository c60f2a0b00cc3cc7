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
        DataError: there is only one group, or dates that can be read in two ways.
    """
    places = _in_order(name, column)
    if places is not None and len(np.unique(places)) > 1:
        numbers = _cut(places)
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


def _in_order(name: str, column: "pd.Series") -> np.ndarray | None:
    """The values of a column of times, or of numbers nearly all different; None for groups.

    Text is read as what a table with types would hold, but that of numbers only where no two texts
    are one number: 1 and 01 are two groups.
    """
    import pandas as pd  # noqa: PLC0415  (only where there is a table)

    if pd.api.types.is_datetime64_any_dtype(column):
        return _nanoseconds(pd.to_datetime(column, utc=True))
    if pd.api.types.is_bool_dtype(column):
        return None
    numbers = pd.to_numeric(column, errors="coerce") if _is_plain(column) else None
    if numbers is not None and numbers.notna().all():
        return numbers.to_numpy() if 2 * numbers.nunique() > len(numbers) else None
    return None if pd.api.types.is_numeric_dtype(column) else times(name, column.astype(str))


def _is_plain(column: "pd.Series") -> bool:
    """Whether all values are numbers, each written in one way."""
    import pandas as pd  # noqa: PLC0415

    if pd.api.types.is_numeric_dtype(column):
        return True
    texts = column.astype(str).str.strip()
    padded = texts.str.fullmatch(r"\d+").all() and texts.str.len().nunique() == 1
    return bool(padded or texts.map(_NUMBER.fullmatch).notna().all())


def times(name: str, texts: "pd.Series") -> np.ndarray | None:
    """Texts that are all times in one common form, in nanoseconds; None for others.

    Raises:
        DataError: day and month, or month and day: both can be meant, and differ in their order.
    """
    different = texts.drop_duplicates()
    if not different.map(_LIKE_A_TIME.search).notna().all():
        return None
    plain = different.str.replace(_AFTER_A_TIME, "", regex=True)
    readings = [
        (date, reading.set_axis(different.to_numpy(str)))
        for date in _DATES
        if (reading := _read_as(plain, date)) is not None
    ]
    if not readings:
        if 2 * len(different) <= len(texts):
            return None
        raise DataError(
            f"split_by: times in a common form, or groups, are needed, got '{texts.iloc[0]}' in "
            f"'{name}'; write times as 2024-01-31 13:00"
        )
    first, second = readings[0], readings[-1]
    if not first[1].equals(second[1]):
        text = next(t for t in first[1].index if first[1][t] != second[1][t])
        raise DataError(
            f"split_by: times that can be read in one way are needed, got '{text}' in '{name}', "
            f"which may be {_day(first[1][text])} or {_day(second[1][text])}; write them as "
            "2024-01-31"
        )
    return texts.map(first[1]).to_numpy()


_NUMBER = re.compile(r"[-+]?(0|[1-9]\d*)?(\.\d+)?([eE][-+]?\d+)?")
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_LIKE_A_TIME = re.compile(
    r"\b\d{1,4}[-/.:]\d{1,2}[-/.:]\d{1,4}|\b\d{8}T\d"
    rf"|\b\d{{1,2}}[-. ]*{_MONTH}[-. ,]*\d|\b{_MONTH}[-. ]*\d",
    re.IGNORECASE,
)
_AFTER_A_TIME = r"(?<=\d)\s*(?:UTC|GMT|Uhr|h)$|(?<=:\d\d),\d+$"


def _read_as(texts: "pd.Series", date: str) -> "pd.Series | None":
    """Texts as times in nanoseconds, of dates in this form, with hours or, at midnight, without."""
    import pandas as pd  # noqa: PLC0415

    found = None
    for hour in _HOURS if date != "ISO8601" else ("",):
        read = pd.to_datetime(texts, format=date + hour, errors="coerce", utc=True)
        found = read if found is None else found.fillna(read)
        if found.notna().all():
            return pd.Series(_nanoseconds(found))
    return None


_DATES = (
    *("ISO8601", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d.%m.%y"),
    *("%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%m-%d-%Y", "%d-%m-%Y", "%Y:%m:%d"),
    *("%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%y", "%d %b %y"),
    *("%d%b%Y", "%b %d %Y", "%Y-%b-%d", "%A, %B %d, %Y", "%a, %d %b %Y", "%Y%m%d"),
)
_HOURS = (
    *("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S"),
    *(", %H:%M", ", %H:%M:%S", ", %I:%M %p", ", %I:%M:%S %p", " %I:%M%p", "T%H%M%S", ":%H:%M:%S"),
    *(" %H.%M", "_%H-%M-%S"),
)


def _nanoseconds(times: "pd.Series") -> np.ndarray:
    return times.dt.tz_localize(None).to_numpy("datetime64[ns]").astype(np.int64)


def _day(nanoseconds: int) -> str:
    return str(np.datetime64(int(nanoseconds), "ns").astype("datetime64[D]"))


def _cut(values: np.ndarray) -> np.ndarray:
    """Blocks of about as many examples each, equal values being in one."""
    _, ranks, counts = np.unique(values, return_inverse=True, return_counts=True)
    before = (np.cumsum(counts) - counts)[ranks]
    blocks = min(BLOCKS, len(values)) * before // len(values)
    return np.unique(blocks, return_inverse=True)[1].astype(np.int32)
