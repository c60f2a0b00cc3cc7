"""Arrays and data frames that a program holds, written to a file, so that a run can go on."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyarrow import ArrowException

from latentsweep.data.dataset import blocks
from latentsweep.data.prepare import class_name
from latentsweep.errors import DataError
from latentsweep.record import atomic

LABEL = "label"


def saved(data: Any, labels: Any, folder: Path, name: str) -> dict[str, Any]:
    """The study's fields that mean this data, once it stands in a folder.

    The same data has the same file, which is not written again.

    Args:
        data: an array [N, ...], or a data frame of N rows.
        labels: a class for each example, None, or of a data frame the name of a column.
        folder: where to write it, below a folder named after its content.
        name: of the data.

    Raises:
        DataError: the data is no array of numbers, or the labels are of another length.
    """
    if isinstance(data, pd.DataFrame):
        return _saved_frame(data, labels, folder, name)
    values = np.asarray(data)
    if values.dtype.kind not in "buif":
        raise DataError(
            f"data: an array of real numbers or a data frame is needed, got the type "
            f"{values.dtype}; convert it, e.g. with array.astype('float32')"
        )
    count = values.shape[0] if values.ndim else 0
    classes = None if labels is None else _classes(labels, count)
    return {"data": str(_saved_array(values, classes, folder, name))}


def _saved_array(values: np.ndarray, classes: np.ndarray | None, folder: Path, name: str) -> Path:
    digest = hashlib.sha256(f"{values.dtype.str} {values.shape}".encode())
    for _, block in blocks(np.atleast_1d(values)):
        digest.update(block.tobytes())
    if classes is None:
        path = _place(folder, digest, f"{name}.npy")
        if not path.exists():
            atomic.write(path, lambda temporary: np.save(temporary, values))
        return path
    digest.update(classes.astype(str).tobytes())
    path = _place(folder, digest, f"{name}.npz")
    if not path.exists():
        atomic.write(path, lambda temporary: np.savez(temporary, values=values, labels=classes))
    return path


def _saved_frame(frame: pd.DataFrame, labels: Any, folder: Path, name: str) -> dict[str, Any]:
    column = labels if isinstance(labels, str) else LABEL
    frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    if labels is not None and not isinstance(labels, str):
        if LABEL in frame.columns:
            raise DataError(
                f"labels: the data frame has a column '{LABEL}' of its own; rename it, or pass "
                f"labels='{LABEL}' to mean it"
            )
        classes = _classes(labels, len(frame)).astype(object)
        classes[classes == ""] = None
        frame = frame.assign(**{LABEL: classes})
    digest = hashlib.sha256(repr(list(frame.dtypes.items())).encode())
    digest.update(pd.util.hash_pandas_object(frame).to_numpy().tobytes())
    path = _place(folder, digest, f"{name}.parquet")
    if not path.exists():
        _write(frame, path)
    return {"data": str(path)} | ({} if labels is None else {"label": column})


def _write(frame: pd.DataFrame, path: Path) -> None:
    try:
        atomic.write(path, lambda temporary: frame.to_parquet(temporary))
    except (ValueError, TypeError, ArrowException) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise DataError(
            f"data: a data frame of plain columns is needed, got one that cannot be kept as "
            f"Parquet ({reason}); rename or convert that column"
        ) from None


def _classes(labels: Any, count: int) -> np.ndarray:
    """The labels, those that are missing as an empty text."""
    mask = np.ma.getmaskarray(labels) if np.ma.isMaskedArray(labels) else False
    own = getattr(labels, "dtype", None)
    classes = np.asarray(labels, None if isinstance(own, np.dtype) else object)
    if classes.shape != (count,):
        raise DataError(
            f"labels: one for each example is needed, got {list(classes.shape)} for {count:,} "
            "examples; pass both from the same rows"
        )
    missing = np.asarray(pd.isna(classes), bool) | mask
    if classes.dtype.kind in "buiU" and not missing.any():
        return classes
    return np.where(missing, "", [class_name(label) for label in classes.tolist()])


def _place(folder: Path, digest: Any, name: str) -> Path:
    return folder.resolve() / digest.hexdigest()[:12] / name
