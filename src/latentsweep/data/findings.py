"""What is found in data, in words, before anything is trained on it."""

from hashlib import blake2b

import numpy as np

from latentsweep.data.dataset import Dataset, blocks
from latentsweep.data.raw import plural
from latentsweep.data.scaling import said
from latentsweep.study import FACTS, Study

_NAMED = 8
_MOST_BYTES, _MOST_EXAMPLES = 2**31, 2_000_000  # in which equal examples are looked for
_MANY_FEATURES = 20_000
# Neighbours are alike if their correlation is at least this, and this many deviations above what
# shuffling gives.
_ALIKE, _DEVIATIONS, _SHUFFLES = 0.2, 8, 20
_ROWS, _COLUMNS = 2_000, 200


def findings(dataset: Dataset, study: Study, *, questions: bool) -> list[str]:
    """Lines about the values, the labels, and what may be wrong; a flag where one solves it.

    Args:
        dataset: the data, split.
        study: how it was read.
        questions: whether to look for what may be wrong, as in a user's own data.
    """
    shape = " x ".join(f"{size:,}" for size in dataset.values.shape)
    low, high = dataset.own_extremes
    whole = "whole numbers, " if dataset.values.dtype != np.float32 else ""
    lines = [
        f"values  {shape}, {whole}from {low:.6g} to {high:.6g}",
        _scale(dataset, study, questions),
    ]
    if dataset.labels is not None:
        lines.append(f"labels  {_labels(dataset)}")
    lines += [f"note    {note}" for note in dataset.notes]
    if not questions:
        return lines
    asked = (_size(dataset), _constant(dataset), _twins(dataset), _order(dataset))
    return lines + [f"note    {question}" for question in asked if question]


def _scale(dataset: Dataset, study: Study, own: bool) -> str:
    """How values are scaled, and the flag for another way where there is one."""
    bounds = study.scale == "minmax" or FACTS[dataset.likelihood].unit_interval
    counts = study.likelihood != "auto" and FACTS[study.likelihood].counts
    chosen = own and study.scale == "auto" and not counts
    remedy = "; --scale standard, minmax or none for another" if chosen else ""
    return f"scale   {said(dataset.scale, study.scale, bounds=bounds)}{remedy}"


def _labels(dataset: Dataset) -> str:
    assert dataset.labels is not None
    assert dataset.label_names is not None
    counts = np.bincount(dataset.labels, minlength=len(dataset.label_names))
    pairs = list(zip(dataset.label_names, counts, strict=True))
    listed = ", ".join(f"{name} ({count:,})" for name, count in pairs[:_NAMED])
    more = f" and {len(pairs) - _NAMED} more" if len(pairs) > _NAMED else ""
    return f"{len(pairs)}: {listed}{more}"


def _size(dataset: Dataset) -> str | None:
    if dataset.features < _MANY_FEATURES:
        return None
    remedy = "--resize 64 makes images smaller" if dataset.is_image else "fewer make it faster"
    return f"{dataset.features:,} values an example make large networks; {remedy}"


def _constant(dataset: Dataset) -> str | None:
    """Of values that are no table's, whose constant columns are gone."""
    if dataset.columns is not None:
        return None
    first = dataset.values[:1]
    varies = np.zeros(dataset.item_shape, bool)
    for _, block in blocks(dataset.values):
        varies |= (block != first).any(axis=0)
        if varies.all():
            return None
    constant = int((~varies).sum())
    return f"{plural(constant, 'value')} of {dataset.features:,} the same in all examples; kept"


def _twins(dataset: Dataset) -> str | None:
    """Held-out examples that were trained on, which flatters every size."""
    if dataset.values.nbytes > _MOST_BYTES or len(dataset.values) > _MOST_EXAMPLES:
        return "equal examples across splits were not looked for, there being so much data"
    rows = (
        row
        for _, block in blocks(dataset.values)
        for row in np.ascontiguousarray(block).reshape(len(block), -1)
    )
    digests = (blake2b(row.tobytes(), digest_size=8).digest() for row in rows)
    hashes = np.array([int.from_bytes(digest, signed=True) for digest in digests])
    train = hashes[dataset.splits["train"]]
    counts = {
        name: int(np.isin(hashes[indices], train).sum())
        for name, indices in dataset.splits.items()
        if name != "train"
    }
    if not (count := sum(counts.values())):
        return None
    told = ", ".join(f"{each:,} of {name}" for name, each in counts.items() if each)
    return (
        f"{plural(count, 'held-out example')} ({told}) also in the training split; leave them out, "
        "or keep equal ones together with --split-by COLUMN"
    )


def _order(dataset: Dataset) -> str | None:
    """A guess that rows are in the order of time, or of anything else that makes them alike."""
    if dataset.groups is not None or len(dataset.values) < 3:
        return None
    rows = _standardised(dataset)
    found = _lag_one(rows)
    draws = np.random.default_rng(0)
    shuffled = [_lag_one(draws.permutation(rows)) for _ in range(_SHUFFLES)]
    if found < max(_ALIKE, np.mean(shuffled) + _DEVIATIONS * np.std(shuffled)):
        return None
    return (
        f"neighbouring rows are alike (correlation {found:.2f}, shuffled "
        f"{abs(np.mean(shuffled)):.2f}): are they in order of time? --split-by COLUMN keeps a "
        "column's groups or blocks of time together, --split-by order consecutive rows"
    )


def _standardised(dataset: Dataset) -> np.ndarray:
    """The first examples, some of their values, each of mean 0 and deviation 1 within a class."""
    rows = dataset.values[:_ROWS].reshape(min(_ROWS, len(dataset.values)), -1)
    rows = rows[:, :: -(-rows.shape[1] // _COLUMNS)].astype(np.float64)
    labels = np.zeros(len(rows), int) if dataset.labels is None else dataset.labels[:_ROWS]
    for label in np.unique(labels):
        rows[labels == label] -= rows[labels == label].mean(axis=0)
    deviations = rows.std(axis=0)
    varies = deviations > 1e-9 * (deviations.max() or 1)
    return rows[:, varies] / deviations[varies]


def _lag_one(rows: np.ndarray) -> float:
    """The mean correlation of a row's values with those of the next."""
    return float(np.mean(rows[1:] * rows[:-1])) if rows.size else 0.0
