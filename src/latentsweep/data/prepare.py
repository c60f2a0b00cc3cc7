"""From what a source holds to a data set: one way for all sources.

In this order: examples that miss something are refused, left out or filled in; the splits are made,
of whole groups where there are any; the values get their stored type, and a table loses columns
that are constant in the training split; labels get numbers; the likelihood and the scale are chosen
from the values.
"""

import dataclasses
import re
from collections.abc import Iterable
from typing import NoReturn

import numpy as np

from latentsweep.data import grouping, kept, storage
from latentsweep.data.dataset import Dataset, Scale, blocks, rows_of
from latentsweep.data.grouping import Groups
from latentsweep.data.kind import likelihood_and_scale
from latentsweep.data.memory import fits
from latentsweep.data.missing import Gaps, filled, gaps
from latentsweep.data.raw import SPLITS, Raw, Stretch, plural, some
from latentsweep.data.rounding import noise_of_rounding
from latentsweep.data.splits import parted
from latentsweep.errors import DataError
from latentsweep.study import FACTS, Study

MIN_EXAMPLES = 10
_COARSE = 1e-4 / 12


def prepare(raw: Raw, study: Study) -> Dataset:
    """The data set that a source's examples make, by the study's fields about data.

    Raises:
        DataError: examples that can't be learned from, or a field that such data has no use for.
    """
    notes = list(raw.notes)
    raw, rows = _complete(raw, study, notes)
    _check_count(raw)
    groups = _groups(raw, study, notes)
    splits = _splits(raw, study, groups)
    values = _filled(raw, splits["train"], study, notes)
    values, origin = storage.stored(raw.where, values, splits["train"], by_column=values.ndim == 2)
    if values.dtype == np.uint8 and values.ndim == 3:  # grey pictures
        values = values[..., np.newaxis]
    values, origin, columns = _varying(raw, values, origin, splits["train"], notes)
    labels, label_names = _classes(raw, study)
    table = values.ndim == 2 and not raw.one_unit
    likelihood, scale = likelihood_and_scale(values, splits["train"], study, table=table)
    rounding = (
        _rounding(values, splits["train"], scale, notes) if FACTS[likelihood].variance else 0.0
    )
    return Dataset(
        name=raw.name,
        source=raw.source,
        values=values,
        scale=scale,
        likelihood=likelihood,
        rounding=rounding,
        origin=origin,
        splits=splits,
        labels=labels,
        label_names=label_names,
        columns=columns,
        ids=None if raw.ids is None else np.asarray(raw.ids).astype(str).astype(object),
        rows=rows,
        groups=groups and groups.numbers,
        notes=tuple(notes),
    )


# -- what is missing


def _complete(raw: Raw, study: Study, notes: list[str]) -> tuple[Raw, np.ndarray | None]:
    """The examples that miss nothing, and their places in the source if some were left out."""
    missing = [absent(part) for part in (raw.labels, raw.by) if part is not None]
    without = np.any(missing, axis=0) if missing else np.zeros(len(raw.values), bool)
    if study.missing != "drop" and without.any():
        raise DataError(
            f"data: {plural(without.sum(), raw.example)} of '{raw.source}' without a label or "
            f"group, the first {raw.example} {int(without.argmax()) + 1}; --missing drop leaves "
            "them out"
        )
    if study.missing == "mean" or not (found := gaps(raw.values)).count + without.sum():
        return raw, None
    if study.missing == "error":
        _refuse_gaps(raw, found)
    lacking = without | found.rows
    count = plural(lacking.sum(), raw.example)
    notes.append(f"{count} with missing values left out")
    return _kept(raw, ~lacking), np.flatnonzero(~lacking)


def absent(part: Iterable) -> np.ndarray:
    """Which values of a column are missing: None, NA, NaN, not a time, or an empty text."""
    import pandas as pd  # noqa: PLC0415  (only where there is something beside the values)

    values = np.asarray(part, object)
    missing = np.asarray(pd.isna(values), bool)
    missing[~missing] = values[~missing] == ""  # NA is equal to nothing, nor unequal
    return missing


def _kept(raw: Raw, rows: np.ndarray) -> Raw:
    """Some of the examples with all that belongs to them."""
    large = raw.values.dtype.kind == "f" and not fits(raw.values.nbytes)
    values = kept.without(raw.values, ~rows) if large else raw.values[rows]
    parts = {name: getattr(raw, name) for name in ("labels", "ids", "by", "split")}
    there = {name: part if part is None else part[rows] for name, part in parts.items()}
    ends = np.cumsum([stretch.examples for stretch in raw.stretches])
    counts = (part.sum() for part in np.split(rows, ends[:-1]))
    stretches = tuple(
        Stretch(stretch.where, int(count))
        for stretch, count in zip(raw.stretches, counts, strict=True)
    )
    return dataclasses.replace(raw, values=values, stretches=stretches, **there)


def _refuse_gaps(raw: Raw, found: Gaps) -> NoReturn:
    out = plural(found.rows.sum(), raw.example)
    if raw.columns is None:
        where, first, count = _in_stretch(raw, found)
        raise DataError(
            f"{where} must be finite, got {count} NaN or infinite, the first at {first}; "
            f"--missing drop leaves {out} out, --missing mean fills in the mean"
        )
    missing = sum((~np.isfinite(block)).sum(axis=0) for _, block in blocks(raw.values))
    counts = zip(raw.columns, np.asarray(missing), strict=True)
    columns = some(f"{name} {count:,}" for name, count in counts if count)
    raise DataError(
        f"data: '{raw.source}' has {plural(found.count, 'missing value')} ({columns}), the first "
        f"in row {found.first[0] + 1}; --missing drop leaves {out} out, --missing mean fills in "
        "the column's mean"
    )


def _in_stretch(raw: Raw, found: Gaps) -> tuple[str, tuple[int, ...], int]:
    """Where the first missing value is, in its own array, and how many there are in all."""
    start = 0
    for stretch in raw.stretches:
        place = found.first[0] - start
        if place < stretch.examples:
            return stretch.where, (place, *found.first[1:]), found.count
        start += stretch.examples
    return raw.where, found.first, found.count


def _filled(raw: Raw, train: np.ndarray, study: Study, notes: list[str]) -> np.ndarray:
    if study.missing != "mean" or not (count := gaps(raw.values).count):
        return raw.values
    one = "feature" if raw.columns is None else "column"
    notes.append(f"{plural(count, 'missing value')} filled in with the {one}'s mean")
    return filled(raw.where, raw.values, train)


# -- splits


def _check_count(raw: Raw) -> None:
    count = len(raw.values)
    if count >= MIN_EXAMPLES:
        return
    remedy = {
        "row": "add rows, or keep those with missing values: --missing mean",
        "example": "the first axis must count the examples",
        "image": "check the path, or name a table or array file",
    }
    raise DataError(
        f"data: at least {MIN_EXAMPLES} {raw.example}s are needed, got {count} in '{raw.source}'; "
        f"{remedy[raw.example]}"
    )


def _groups(raw: Raw, study: Study, notes: list[str]) -> Groups | None:
    if not study.split_by:
        return None
    if raw.split is not None:
        notes.append("split as the data says: --split-by has no part in it")
        return None
    if raw.by is not None:
        groups = grouping.by_column(study.split_by, raw.by)
    else:
        groups = grouping.by_order(len(raw.values))
    notes.append(groups.words)
    return groups


def _splits(raw: Raw, study: Study, groups: Groups | None) -> dict[str, np.ndarray]:
    """The source's own splits, or a random one into training and test."""
    if raw.split is None:
        numbers = groups and groups.numbers
        return parted(len(raw.values), study.test_fraction, study.split_seed, numbers)
    found = {name: np.flatnonzero(raw.split == name).astype(np.int32) for name in SPLITS}
    if len(found["train"]) < 2:
        raise DataError(
            f"data: a training split of 2 {raw.example}s or more is needed, got "
            f"{len(found['train'])} in '{raw.source}'; add some"
        )
    if not len(found["test"]):  # none was set apart: it is taken from what there is to train on
        parts = parted(len(found["train"]), study.test_fraction, study.split_seed)
        found |= {name: found["train"][places] for name, places in parts.items()}
    return {name: places for name, places in found.items() if len(places)}


# -- values and labels


def _varying(
    raw: Raw, values: np.ndarray, origin: storage.Origin, train: np.ndarray, notes: list[str]
) -> tuple[np.ndarray, storage.Origin, tuple[str, ...] | None]:
    """The values that differ within the training split: of a table, its columns that do."""
    if raw.columns is None:
        first = values[train[0]].flat[0]
        if all((rows == first).all() for rows in rows_of(values, train)):
            constant = storage.own(first, origin)
            raise DataError(
                f"{raw.where} must differ within the training split, got {constant:.6g} "
                "everywhere; check how they were saved"
            )
        return values, origin, None
    first = values[train[0]]
    varies = np.any([(rows != first).any(axis=0) for rows in rows_of(values, train)], axis=0)
    if not varies.any():
        raise DataError(
            f"data: a column that differs within the training split is needed, got constant ones "
            f"alone in '{raw.source}'; check how it was saved"
        )
    names = np.array(raw.columns, object)
    if not varies.all():
        left = f"{plural((~varies).sum(), 'constant column')} left out: {some(names[~varies])}"
        notes.append(left)
        if isinstance(origin, tuple):
            origin = tuple(np.array(origin)[varies].tolist())
    return _columns(values, varies), origin, tuple(names[varies])


def _rounding(values: np.ndarray, train: np.ndarray, scale: Scale, notes: list[str]) -> float:
    """The least variance of a Gaussian, said where rounding is a hundredth of what varies."""
    variance, (least, most) = noise_of_rounding(values, train, scale)
    if variance > _COARSE:
        steps = f"{most:g}" if least == most else f"{least:g} to {most:g}"
        words = f"rounded to steps of {steps}: the Gaussian's noise is at least that of rounding"
        notes.append(words)
    return variance


def _columns(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    if chosen.all() and values.flags.c_contiguous:
        return values
    if not fits(values.nbytes):
        return kept.chosen(values, chosen)
    return np.ascontiguousarray(values[:, chosen])


def _classes(raw: Raw, study: Study) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """Class numbers and the classes' names, sorted: whole numbers by their value."""
    if raw.labels is None:
        return None, None
    given = np.asarray(raw.labels)
    kind = given.dtype.kind
    texts = np.array([class_name(label) for label in given.tolist()], str)
    if all(re.fullmatch(r"-?\d+\.0+", text) for text in np.unique(texts)):
        texts = np.array([text.partition(".")[0] for text in texts], str)
    names, numbers = np.unique(texts, return_inverse=True)
    values = [number(name) for name in names]
    if all(value is not None for value in values):
        broken = next((v for v in map(float, texts) if v != np.rint(v)), None)
        if broken is not None:
            where = study.label or raw.source
            raise DataError(
                f"label: classes, as text or whole numbers, are needed, got {broken:g} in "
                f"'{where}'; leave out --label, or name another column"
            )
        order = np.lexsort((names, np.array(values)))
        names, numbers = names[order], np.argsort(order)[numbers]
    if raw.columns is not None and len(names) == len(given) and kind not in "b":
        raise DataError(
            f"label: a column of classes is needed, got {len(names):,} different values in as many "
            f"rows of '{study.label}'; a row's name is given with --id, a number to leave out with "
            "--drop"
        )
    return numbers.astype(np.int32), tuple(map(str, names))


def class_name(label: object) -> str:
    """A label as text; a whole number that missing ones made a float is written as one."""
    if isinstance(label, bytes):
        return label.decode("utf-8", "replace")
    if isinstance(label, float | np.floating) and float(label).is_integer():
        return str(int(label))
    return str(label)


def number(text: str) -> float | None:
    """The number that a text is, None if it is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None
