"""Tables: numeric columns are the features, others have a part that a study names.

The names of rows, as R and pandas write them beside a table, are never a feature.
"""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from latentsweep.data import grouping
from latentsweep.data.numbers import to_numbers
from latentsweep.data.raw import Raw, Stretch, some
from latentsweep.data.sources import csv_file, parquet_file
from latentsweep.errors import DataError, nearest
from latentsweep.paths import user_path
from latentsweep.study import Study

_LISTED = 6


class Named(NamedTuple):
    """A table, what it is called, where it came from, and which of its columns are its index."""

    name: str
    source: str
    frame: pd.DataFrame
    row_names: tuple[str, ...] = ()


class _Parts(NamedTuple):
    """The columns of a table by what they are for, and what was left out."""

    features: pd.DataFrame
    label: pd.Series | None
    ids: pd.DataFrame | None
    by: pd.Series | None
    notes: tuple[str, ...]


def read(study: Study) -> Raw:
    """The table in the CSV or Parquet file that a study names.

    Raises:
        DataError: no such file or column, or text where numbers are needed.
    """
    path = user_path("data", study.data)
    if parquet_file.needed(path):
        return _read_in_parts(path, study)
    parts = (study.label, study.id, study.split_by, *study.drop)
    found = csv_file.read(path, text=[name for name in parts if name])
    return parted(Named(path.stem, str(path), *found), study)


def parted(table: Named, study: Study) -> Raw:
    """A table by its columns' parts, as a study names them.

    Raises:
        DataError: no such column, or text where numbers are needed.
    """
    table = table._replace(frame=table.frame.reset_index(drop=True))
    parts = _by_part(table, study)
    features = _numbers(table, parts.features)
    kinds = {np.dtype(getattr(kind, "numpy_dtype", kind)) for kind in features.dtypes}
    if {kind.kind for kind in kinds} <= set("bui") and not features.isna().to_numpy().any():
        values = features.to_numpy(np.result_type(*kinds))
    else:
        values = features.to_numpy(np.float64, na_value=np.nan)
    return _raw(table, parts, values, features.columns)


def _read_in_parts(path: Path, study: Study) -> Raw:
    """A table on the disk, its features being read in batches; its other columns are read whole."""
    heads = parquet_file.header(path)
    table = Named(path.stem, str(path), *heads)
    parts = _by_part(table, study)
    ids = [] if parts.ids is None else list(parts.ids.columns)
    others = [str(part.name) for part in (parts.label, parts.by) if part is not None]
    whole = parquet_file.columns(path, [*others, *ids])
    names = parts.features.columns
    values = parquet_file.numbers(path, names, partial(_numbers, table))
    there = parts._replace(
        label=None if parts.label is None else whole[str(parts.label.name)],
        by=None if parts.by is None else whole[str(parts.by.name)],
        ids=None if parts.ids is None else whole[ids],
    )
    return _raw(table, there, values, names)


def _raw(table: Named, parts: _Parts, values: np.ndarray, columns: pd.Index) -> Raw:
    ids = parts.ids
    return Raw(
        name=table.name,
        source=table.source,
        values=values,
        labels=parts.label,
        ids=None if ids is None else ids.fillna("").astype(str).agg(" ".join, axis=1),
        by=parts.by,
        columns=tuple(map(str, columns)),
        stretches=(Stretch(f"data: '{table.source}'", len(values)),),
        example="row",
        notes=parts.notes,
    )


def _by_part(table: Named, study: Study) -> _Parts:
    """The columns by their parts: those without one are the features, but for names of rows."""
    frame = table.frame
    by = "" if study.split_by == grouping.ORDER not in frame.columns else study.split_by
    named = {"label": (study.label,), "id": (study.id,), "split_by": (by,), "drop": study.drop}
    for field, names in named.items():
        for name in names:
            if name and name not in frame.columns:
                hint = nearest(name, frame.columns) or f"; there are {some(frame.columns)}"
                raise DataError(
                    f"{field}: a column of '{table.name}' is needed, got '{name}'{hint}"
                )
    taken = {name for names in named.values() for name in names}
    index = [name for name in _row_names(table) if name not in taken]
    ids, notes = _index(frame, index, study)
    left = [str(name) for name in frame if name not in {*taken, *index}]
    empty = [str(name) for name in left if frame[name].isna().all() and len(frame)]
    if empty:
        notes.append(f"columns without a value left out: {some(empty)}")
    features = frame[[name for name in left if name not in empty]]
    if not features.columns.size:
        raise DataError(f"data: '{table.source}' has no column left for a feature; drop fewer")
    label, split_by = (frame[name] if name else None for name in (study.label, by))
    return _Parts(features, label, frame[[study.id]] if study.id else ids, split_by, tuple(notes))


def _row_names(table: Named) -> list[str]:
    """The columns that name the rows: the index, or a first column without a name."""
    named = list(table.row_names)
    others = [str(name) for name in table.frame if str(name) not in named]
    for name in others:  # of a table that was saved with its row numbers twice, there are several
        counts = name.lower() in _OF_ROWS and _counts(table.frame[name])
        if not (_NAMELESS.fullmatch(name) or counts):
            break
        named.append(name)
    return named


def _index(
    frame: pd.DataFrame, index: list[str], study: Study
) -> tuple[pd.DataFrame | None, list[str]]:
    """The ids that the names of the rows make, if any, and what is said of them."""
    if not index:
        return None, []
    notes = [f"{_what(n)} left out: it only counts the rows" for n in index if _counts(frame[n])]
    naming = [name for name in index if not _counts(frame[name])]
    what = " and ".join(map(_what, naming))
    if naming and study.id:
        return None, [*notes, f"{what} left out: it names the rows, and so does {study.id}"]
    if naming:
        notes.append(f"{what} taken for the names of the rows, no feature")
    return (frame[naming] if naming else None), notes


def _what(name: str) -> str:
    nameless = _NAMELESS.fullmatch(name) or name.startswith(parquet_file.ROW_NAMES)
    return "column without a name" if nameless else f"column {name}"


_OF_ROWS = ("index", "id", "idx", "row", "rownames", "row_names", "no", "nr", "#", "level_0")
_NAMELESS = re.compile(r"|Unnamed: \d+(_level_\d+|\.\d+)?|__index_level_\d+__")


def _counts(column: pd.Series) -> bool:
    """Whether a column holds the numbers of the rows, and is none of them alone."""
    if len(column) < 2:
        return False
    numbers = to_numbers(column).to_numpy(np.float64, na_value=np.nan)
    return any(np.array_equal(numbers, np.arange(len(column)) + start) for start in (0, 1))


def _numbers(table: Named, features: pd.DataFrame) -> pd.DataFrame:
    """The features as numbers, missing ones as NaN."""
    kinds = pd.api.types
    read = {}
    for name, column in features.items():
        complex_, numeric = kinds.is_complex_dtype(column), kinds.is_numeric_dtype(column)
        if complex_ or kinds.is_datetime64_any_dtype(column):
            read[str(name)] = pd.Series(np.nan, index=column.index)
        elif not numeric:
            read[str(name)] = to_numbers(column.astype(object))
    bad = [name for name in read if (read[name].isna() & features[name].notna()).any()]
    if bad:
        _refuse_text(table, features[bad[0]], read[bad[0]], bad)
    return features.assign(**read)


def _refuse_text(table: Named, column: pd.Series, read: pd.Series, names: Sequence[str]) -> None:
    row = int((read.isna() & column.notna()).to_numpy().argmax())
    number = column.index[row] + 1
    quoted = [name if name.isidentifier() else f"'{name}'" for name in names[:_LISTED]]
    drops = " ".join(f"--drop {name}" for name in quoted)
    also = f" (as in {some(names[1:])})" if names[1:] else ""
    raise DataError(
        f"data: column '{column.name}' of '{table.source}' must hold numbers, got "
        f"'{column.iloc[row]}' in row {number}{also}; leave it out with {drops}, or give it a "
        "part: --label, --id or --split-by"
    )
