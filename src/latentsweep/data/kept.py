"""Values that had to be changed and do not fit into memory: a memory map of a file in the cache.

The file is named by what it was made from, so that the next run of the same data finds it there.
"""

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

from latentsweep.data.dataset import blocks, spread
from latentsweep.data.memory import size_in_words
from latentsweep.errors import DataError
from latentsweep.record import atomic

_DAY = 86_400.0  # seconds after which a temporary file is that of a killed process


def kept(
    shape: tuple[int, ...], dtype: str, made: Iterable[np.ndarray], key: Iterable[bytes]
) -> np.ndarray:
    """A memory map of an array in the cache, written block after block if it is not there.

    Args:
        shape: of the whole array.
        dtype: its stored type, in which each block is written.
        made: consecutive blocks of its rows.
        key: what the array is made from; the same key has the same file.

    Raises:
        DataError: the disk has no room for it.
    """
    digest = hashlib.sha256(f"{dtype} {shape};".encode())
    for part in key:
        digest.update(part)
    path = user_cache_path("latentsweep") / "values" / f"{digest.hexdigest()[:16]}.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.sweep(path.parent, older=_DAY)
        _check_disk(path.parent, int(np.prod(shape)) * np.dtype(dtype).itemsize)
        atomic.write(path, lambda temporary: _fill(temporary, shape, dtype, made))
    return np.lib.format.open_memmap(path, mode="r")


def sampled(values: np.ndarray) -> Iterator[bytes]:
    """What tells an array from others: type, shape, a sample of it, and when its file changed."""
    yield f"{values.dtype.str} {values.shape};".encode()
    if (file := getattr(values, "filename", None)) is not None:
        yield f"{Path(file).stat().st_mtime_ns};".encode()
    yield from (block.tobytes() for block in spread(values))


def converted(values: np.ndarray, dtype: str) -> np.ndarray:
    """All values in another type."""
    made = (block.astype(dtype) for _, block in blocks(values))
    return kept(values.shape, dtype, made, sampled(values))


def without(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The values without some rows, as float32."""
    left = ~rows
    made = (block[left[start : start + len(block)]] for start, block in blocks(values))
    shape = (int(left.sum()), *values.shape[1:])
    return kept(shape, "float32", made, (*sampled(values), rows.tobytes()))


def chosen(values: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Some columns of the values."""
    made = (block[:, columns] for _, block in blocks(values))
    shape = (len(values), int(columns.sum()))
    return kept(shape, values.dtype.name, made, (*sampled(values), columns.tobytes()))


def filled(values: np.ndarray, means: np.ndarray) -> np.ndarray:
    """The values, as float32, with a feature's mean where they are missing."""
    made = (np.where(np.isfinite(block), block, means) for _, block in blocks(values))
    return kept(values.shape, "float32", made, (*sampled(values), means.tobytes()))


def centred(values: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """What the values differ from an origin, as float32."""
    made = (block - origin for _, block in blocks(values))
    return kept(values.shape, "float32", made, (*sampled(values), origin.tobytes()))


def _check_disk(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"data: larger than memory, and a copy of {size_in_words(needed)} is needed in "
            f"'{folder}', where {size_in_words(free)} are free; make room, or save the data as a "
            ".npy file of uint8, int32 or float32 without missing values, which is read as it is"
        )


def _fill(path: Path, shape: tuple[int, ...], dtype: str, made: Iterable[np.ndarray]) -> None:
    """Write an array block after block."""
    header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_2_0(file, header)
        for block in made:
            with np.errstate(over="ignore"):  # what is too large is refused as infinite
                np.ascontiguousarray(block, dtype).tofile(file)
