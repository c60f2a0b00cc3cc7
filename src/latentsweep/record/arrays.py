"""Named arrays in safetensors files: no pickle, readable from any language."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import load, load_file, save, save_file

from latentsweep.record import atomic
from latentsweep.record.reading import Named, damaged, reading


def write_arrays(
    path: Path, arrays: Mapping[str, np.ndarray], notes: Mapping[str, str] | None = None
) -> None:
    """Write named arrays, with text notes in the file's header, atomically."""
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    atomic.write(path, lambda temporary: save_file(contiguous, temporary, dict(notes or {})))


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The named arrays of a file.

    Raises:
        RunFolderError: the file is missing or damaged, or lacks an array that is asked for.
    """
    with reading(path):
        return Named(path, load_file(path))


def content_of(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The bytes of a file of named arrays."""
    return save({name: np.asarray(array, order="C") for name, array in arrays.items()}, {})


def read_hashed(path: Path, sha256: str | None) -> dict[str, np.ndarray]:
    """The named arrays of a file whose bytes have this hash.

    Args:
        sha256: None where nobody knows it.

    Raises:
        RunFolderError: the file is missing or another.
    """
    with reading(path):
        content = path.read_bytes()
        if sha256 not in (None, hashlib.sha256(content).hexdigest()):
            raise damaged(path, "another SHA-256")
        return Named(path, load(content))
