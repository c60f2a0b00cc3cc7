"""A pass's checkpoints: two files written in turn, so that one is whole whatever happens."""

import contextlib
import dataclasses
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from latentsweep.errors import RunFolderError
from latentsweep.record.arrays import read_arrays, write_arrays

_TIMES_AS_LONG = 10
_BESIDE = "reconstruction", "penalty", "first", "seconds"


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """All that a pass needs to go on: the stacked state, the history, the seconds spent so far.

    `reconstruction` and `penalty` are the epochs' mean terms [T, M], `first` the losses [M] of the
    very first step, which are those of fresh networks.
    """

    state: Any
    reconstruction: np.ndarray
    penalty: np.ndarray
    first: np.ndarray
    seconds: float

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return len(self.penalty)


class Writer:
    """Writes a pass's checkpoints, but for those that would take more than a tenth of the time.

    An epoch of a small network on little data is shorter than what a disk needs to be sure.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._due = 0.0

    def write(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, if it is time."""
        began = time.perf_counter()
        if began < self._due:
            return
        write_checkpoint(self._folder, checkpoint)
        took = time.perf_counter() - began
        self._due = began + _TIMES_AS_LONG * took


def named_arrays(tree: Any) -> dict[str, np.ndarray]:
    """A tree's leaves by their path, such as `encoder/hidden/weight`."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf)
        for path, leaf in leaves
    }


def from_named_arrays(template: Any, arrays: dict[str, np.ndarray]) -> Any:
    """The tree of a template's structure that `named_arrays` gave these arrays for.

    Raises:
        ValueError: one of them has another shape or type, or is missing.
    """
    paths, structure = jax.tree_util.tree_flatten_with_path(template)
    leaves = []
    for path, like in paths:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        array = arrays.get(name)
        if array is None or (array.shape, array.dtype) != (like.shape, like.dtype):
            got = "none" if array is None else f"{array.dtype} {list(array.shape)}"
            raise ValueError(f"{name}: {like.dtype} {list(like.shape)} is needed, got {got}")
        leaves.append(array)
    return jax.tree.unflatten(structure, leaves)


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write the older of the two files."""
    arrays = {f"state/{name}": a for name, a in named_arrays(checkpoint.state).items()}
    arrays |= {name: np.asarray(getattr(checkpoint, name)) for name in _BESIDE}
    write_arrays(folder / f"{'ab'[checkpoint.epoch % 2]}.safetensors", arrays)


def last_checkpoint(folder: Path, template: Any) -> Checkpoint | None:
    """The newest readable checkpoint of a pass, or None.

    Args:
        template: a state of the same structure (shapes suffice).
    """
    found = [_read(file, template) for file in _files(folder) if file.exists()]
    return max((c for c in found if c is not None), key=lambda c: c.epoch, default=None)


def remove_checkpoints(folder: Path) -> None:
    """Remove both files, and those of other starts: the pass is done."""
    for file in (*_files(folder), *folder.glob("start[0-9]/[ab].safetensors")):
        file.unlink(missing_ok=True)
    for start in folder.glob("start[0-9]"):
        with contextlib.suppress(OSError):  # something of the user's is in it
            start.rmdir()


def _files(folder: Path) -> tuple[Path, Path]:
    return folder / "a.safetensors", folder / "b.safetensors"


def _read(file: Path, template: Any) -> Checkpoint | None:
    try:
        arrays = read_arrays(file)
        state = {k.removeprefix("state/"): a for k, a in arrays.items() if k.startswith("state/")}
        reconstruction, penalty, first, seconds = (arrays[name] for name in _BESIDE)
        if not reconstruction.shape == penalty.shape == (len(penalty), len(first)):
            return None
        return Checkpoint(
            from_named_arrays(template, state), reconstruction, penalty, first, float(seconds)
        )
    except (RunFolderError, ValueError, TypeError):
        return None
