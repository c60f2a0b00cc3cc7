"""Named arrays in safetensors files: no pickle, readable from any language."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from latentsweep.errors import RunFolderError
from latentsweep.record import atomic


def write_arrays(
    path: Path, arrays: Mapping[str, np.ndarray], notes: Mapping[str, str] | None = None
) -> None:
    """Write named arrays, with text notes in the file's header, atomically."""
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    atomic.write(path, lambda temporary: save_file(contiguous, temporary, dict(notes or {})))


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The named arrays of a file.

    Raises:
        RunFolderError: the file is missing or damaged.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise RunFolderError(
            f"{path}: cannot be read as a safetensors file ({error}); run the study again with "
            "--force"
        ) from None
