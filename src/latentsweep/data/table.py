"""Tables as data sets: numeric columns are the features, others have a part that a study names.

A column that is constant in the training split has nothing to be learned and is left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
import pandas as pd

from latentsweep.data import grouping, kept, table_batches, table_file
from latentsweep.data.array_file import stored
from latentsweep.data.dataset import Dataset, blocks, parted, rows_of
from latentsweep.data.grouping import Groups
from latentsweep.data.memory import fits
from latentsweep.data.missing import Gaps, filled, gaps, plural
from latentsweep.data.scaling import scale_for
from latentsweep.data.table_batches import OnDisk
from latentsweep.errors import DataError, nearest
from latentsweep.study import Study

MIN_ROWS = 10
_LISTED = 6


class Named(NamedTuple):
    """A table, what it is called, and where it came from."""

    name: str
    source: str
    frame: pd.DataFrame


@dataclass(frozen=True, eq=False)
class _Rows:
    """The parts of a table, the rows of all of them the same."""

    features: pd.DataFrame | OnDisk
    labels: pd.Series | None
    ids: pd.Series | None
    by: pd.Series | None

    @property
    def parts(self) -> "list[pd.Series | None]":
        return [self.labels, self.ids, self.by]

    def kept(self, rows: np.ndarray) -> "_Rows":
        parts = (None if part is None else part[rows] for part in self.parts)
        return _Rows(self.features[rows], *parts)


def load(path: Path, study: Study) -> Dataset:
    """The data set in a CSV or Parquet file.

    Raises:
        DataError: no such file or column, or values that can't be learned from.
    """
    if not table_batches.needed(path):
        return from_frame(Named(path.stem, str(path), table_file.read(path)), study)
    notes: list[str] = []
    table = Named(path.stem, str(path), table_batches.header(path))
    return _dataset(table, _parted_on_disk(table, path, study, notes), study, notes)


def from_frame(table: Named, study: Study) -> Dataset:
    """The data set in a data frame, by the study's fields about data.

    Raises:
        DataError: no such column, or values that can't be learned from.
    """
    notes: list[str] = []
    return _dataset(table, _parted(table, study, notes), study, notes)


def _dataset(table: Named, rows: _Rows, study: Study, notes: list[str]) -> Dataset:
    rows = _complete(rows, table, study, notes)
    _check_count(table, rows)
    groups = _groups(rows, study)
    splits = parted(
        len(rows.features), study.test_fraction, study.split_seed, groups and groups.numbers
    )
    values, columns = _values(table, rows.features, splits["train"], study, notes)
    labels, label_names = _classes(rows.labels, study.label)
    if groups:
        notes.append(groups.words)
    return Dataset(
        name=table.name,
        source=table.source,
        values=values,
        scale=scale_for(values, splits["train"], study.scale, table=True),
        splits=splits,
        labels=labels,
        label_names=label_names,
        columns=columns,
        ids=None if rows.ids is None else rows.ids.astype(str).to_numpy(object),
        groups=groups and groups.numbers,
        notes=tuple(notes),
    )


def _parted(table: Named, study: Study, notes: list[str]) -> _Rows:
    """The table by its columns' parts: those without one are the features."""
    frame = table.frame.reset_index(drop=True)
    by = "" if study.split_by == grouping.ORDER not in frame.columns else study.split_by
    named = {"label": (study.label,), "id": (study.id,), "split_by": (by,), "drop": study.drop}
    for field, names in named.items():
        for name in names:
            _check_column(table, frame, field, name)
    taken = {name for names in named.values() for name in names}
    if (index := _saved_index(frame)) and index not in taken:
        taken.add(index)
        notes.append("column without a name left out: it only counts the rows")
    features = frame[[name for name in frame if name not in taken]]
    if not features.columns.size:
        raise DataError(f"data: '{table.source}' has no column left for a feature; drop fewer")
    parts = (frame[name] if name else None for name in (study.label, study.id, by))
    return _Rows(_numbers(table, features), *parts)


def _parted_on_disk(table: Named, path: Path, study: Study, notes: list[str]) -> _Rows:
    """The same of a table without rows, its own being read in batches; its parts are read whole."""
    heads = _parted(table, study, notes)
    names = [None if part is None else str(part.name) for part in heads.parts]
    parts = table_batches.columns(path, [name for name in names if name is not None])
    read = partial(_numbers, table)
    features = table_batches.numbers(path, heads.features.columns, read)
    return _Rows(features, *(None if name is None else parts[name] for name in names))


def _check_column(table: Named, frame: pd.DataFrame, field: str, name: str) -> None:
    if name and name not in frame.columns:
        hint = nearest(name, frame.columns) or f"; there are {_some(frame.columns)}"
        raise DataError(f"{field}: a column of '{table.name}' is needed, got '{name}'{hint}")


def _saved_index(frame: pd.DataFrame) -> str | None:
    """The column without a name that saving a data frame puts in front."""
    first = frame.columns[0] if frame.columns.size else ""
    if first not in ("", "Unnamed: 0", "__index_level_0__"):
        return None
    counts = frame[first].to_numpy()
    return first if np.array_equal(counts, np.arange(len(frame))) else None


def _numbers(table: Named, features: pd.DataFrame) -> pd.DataFrame:
    """The features as numbers, missing ones as NaN."""
    text = [str(name) for name in features if not _is_numeric(features[name])]
    read = {name: _as_numbers(features[name]) for name in text}
    bad = [name for name in text if (read[name].isna() & features[name].notna()).any()]
    if bad:
        _refuse_text(table, features[bad[0]], read[bad[0]], bad)
    return features.assign(**read)


def _is_numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column)


def _as_numbers(column: pd.Series) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_complex_dtype(column):
        return pd.Series(np.nan, index=column.index)
    return pd.to_numeric(column.astype(object), errors="coerce")


def _refuse_text(table: Named, column: pd.Series, read: pd.Series, names: Sequence[str]) -> None:
    row = int((read.isna() & column.notna()).to_numpy().argmax())
    number = column.index[row] + 1
    drops = " ".join(f"--drop {_quoted(name)}" for name in names[:_LISTED])
    also = f" (as in {_some(names[1:])})" if names[1:] else ""
    raise DataError(
        f"data: column '{column.name}' of '{table.source}' must hold numbers, got "
        f"'{column.iloc[row]}' in row {number}{also}; leave it out with {drops}, or give it a "
        "part: --label, --id or --split-by"
    )


def _quoted(name: str) -> str:
    return name if name.isidentifier() else f"'{name}'"


def _complete(rows: _Rows, table: Named, study: Study, notes: list[str]) -> _Rows:
    """The rows without those that miss something, or a refusal of them."""
    values = _floats(rows.features)
    lacking = np.zeros(len(values), bool)
    for part in (rows.labels, rows.by):
        if part is not None:
            lacking |= part.isna().to_numpy()
    if study.missing != "drop" and lacking.any():
        raise DataError(
            f"data: {plural(lacking.sum(), 'row')} of '{table.source}' without a label or group, "
            f"the first row {int(lacking.argmax()) + 1}; --missing drop leaves them out"
        )
    if study.missing == "error" and (found := gaps(values)).count:
        _refuse_gaps(table, rows.features.columns, values, found)
    if study.missing == "drop" and (lacking := lacking | gaps(values).rows).any():
        notes.append(f"{plural(lacking.sum(), 'row')} with missing values left out")
        return rows.kept(~lacking)
    return rows


def _floats(features: pd.DataFrame | OnDisk) -> np.ndarray:
    """The features as floats, but for whole numbers on the disk, of which none is missing."""
    if isinstance(features, OnDisk):
        return features.values
    return features.to_numpy(np.float64, na_value=np.nan)


def _refuse_gaps(table: Named, names: pd.Index, values: np.ndarray, found: Gaps) -> NoReturn:
    missing = sum((~np.isfinite(block)).sum(axis=0) for _, block in blocks(values))
    counts = zip(names, np.asarray(missing), strict=True)
    columns = _some(f"{name} {count:,}" for name, count in counts if count)
    raise DataError(
        f"data: '{table.source}' has {plural(found.count, 'missing value')} ({columns}), the first "
        f"in row {found.first[0] + 1}; --missing drop leaves {plural(found.rows.sum(), 'row')} "
        "out, --missing mean fills in the column's mean"
    )


def _check_count(table: Named, rows: _Rows) -> None:
    if len(rows.features) < MIN_ROWS:
        raise DataError(
            f"data: at least {MIN_ROWS} rows are needed, got {len(rows.features)} in "
            f"'{table.source}'; add rows, or keep those with missing values: --missing mean"
        )


def _groups(rows: _Rows, study: Study) -> Groups | None:
    if rows.by is not None:
        return grouping.by_column(study.split_by, rows.by)
    return grouping.by_order(len(rows.features)) if study.split_by else None


def _values(
    table: Named, features: pd.DataFrame | OnDisk, train: np.ndarray, study: Study, notes: list[str]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The features in their stored type, without constant ones, and their names."""
    values = _array(features)
    if study.missing == "mean" and (count := gaps(values).count):
        values = filled(f"data: '{table.source}'", values, train)
        notes.append(f"{plural(count, 'missing value')} filled in with the column's mean")
    values = stored(f"data: '{table.source}'", values)
    varies = _varies(values, train)
    if not varies.any():
        raise DataError(
            f"data: a column that differs within the training split is needed, got constant ones "
            f"alone in '{table.source}'; check how it was saved"
        )
    names = np.array(features.columns, object)
    if not varies.all():
        left = f"{plural((~varies).sum(), 'constant column')} left out: {_some(names[~varies])}"
        notes.append(left)
    return _chosen(values, varies), tuple(names[varies])


def _varies(values: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Which columns differ within the training split."""
    first = values[train[0]]
    return np.any([(rows != first).any(axis=0) for rows in rows_of(values, train)], axis=0)


def _chosen(values: np.ndarray, columns: np.ndarray) -> np.ndarray:
    if columns.all() and values.flags.c_contiguous:
        return values
    if not fits(values.nbytes):
        return kept.chosen(values, columns)
    return np.ascontiguousarray(values[:, columns])


def _array(features: pd.DataFrame | OnDisk) -> np.ndarray:
    """The columns as one array: of whole numbers where all are, else of floats."""
    if isinstance(features, OnDisk):
        return features.values
    kinds = {np.dtype(getattr(kind, "numpy_dtype", kind)).kind for kind in features.dtypes}
    if kinds <= set("bui") and not features.isna().to_numpy().any():
        whole = features.to_numpy()
        if whole.dtype == np.bool or whole.dtype == np.uint8:
            return whole
        whole = features.to_numpy(np.float64)
        limits = np.iinfo(np.int32)
        if limits.min <= whole.min() and whole.max() <= limits.max:
            return whole.astype(np.int32)
        return whole
    return features.to_numpy(np.float64, na_value=np.nan)


def _classes(
    column: pd.Series | None, name: str
) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """Class numbers and the classes' names, in sorted order: of numbers by their value."""
    if column is None:
        return None, None
    values = column.to_numpy() if _is_numeric(column) else column.astype(str).to_numpy(str)
    if values.dtype.kind == "f":
        values = _whole(values, name)
    names, numbers = np.unique(values, return_inverse=True)
    if len(names) == len(values):
        raise DataError(
            f"label: a column of classes is needed, got {len(names):,} different values in as many "
            f"rows of '{name}'; a row's name is given with --id, a number to leave out with --drop"
        )
    return numbers.astype(np.int32), tuple(str(each) for each in names)


def _whole(values: np.ndarray, name: str) -> np.ndarray:
    """Classes that are whole numbers: missing ones had made them floats."""
    broken = values != np.rint(values)
    if broken.any():
        raise DataError(
            f"label: classes, as text or whole numbers, are needed, got {values[broken][0]:g} in "
            f"'{name}'; leave out --label, or name another column"
        )
    return values.astype(np.int64)


def _some(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    listed = [str(name) for name in names]
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return ", ".join(listed[:_LISTED]) + more
