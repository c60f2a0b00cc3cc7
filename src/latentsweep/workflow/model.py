"""A trained network as its users hold it: NumPy arrays in and out, in the data's own unit."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from latentsweep.data import storage
from latentsweep.errors import ShapeError
from latentsweep.model.trained import Trained
from latentsweep.training.members import Member

_AT_ONCE = 512


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
    """One trained network.

    Data [N, *item_shape] is in the unit of the data set (0 to 255 for 8-bit images); codes are
    [N, K] posterior means. Raises ShapeError for arrays and data frames that don't fit.
    """

    member: Member
    item_shape: tuple[int, ...]
    trained: Trained
    columns: tuple[str, ...] | None = None
    origin: storage.Origin = storage.NO_ORIGIN

    def encode(self, data: Any) -> np.ndarray:
        """The posterior means [N, K] of data; of a data frame, by the names of its columns."""
        return _in_blocks(_encoded, self.trained, self._flat(data))

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """The expected data at codes [N, K]."""
        codes = np.asarray(codes, np.float32)
        if codes.ndim != 2 or codes.shape[1] != self.member.latent_size:
            raise ShapeError(f"codes: expected [N, {self.member.latent_size}]; got {codes.shape}")
        return self._items(_in_blocks(_decoded, self.trained, codes))

    def reconstruct(self, data: Any) -> np.ndarray:
        """The expected data at the codes of data: decode(encode(data))."""
        return self.decode(self.encode(data))

    def sample(self, count: int, seed: int = 0) -> np.ndarray:
        """The expected data at `count` codes drawn from the prior N(0, I)."""
        codes = np.random.default_rng(seed).standard_normal((count, self.member.latent_size))
        return self.decode(codes)

    def __repr__(self) -> str:
        return f"Model({self.member.name}, items of shape {self.item_shape})"

    def _flat(self, data: Any) -> np.ndarray:
        """The data as it is stored, [N, D]."""
        data = np.asarray(self._by_name(data))
        bare = self.item_shape[:-1] if self.item_shape[-1:] == (1,) else self.item_shape
        if data.shape[1:] not in (self.item_shape, bare) or not data.ndim:
            expected = ", ".join(["N", *map(str, self.item_shape)])
            raise ShapeError(f"data: expected [{expected}]; got {data.shape}")
        rows = data.reshape(len(data), math.prod(self.item_shape))
        return rows if self.origin == 0 else (rows - np.asarray(self.origin)).astype(np.float32)

    def _by_name(self, data: Any) -> Any:
        """Of a data frame the columns that were trained on, in their order."""
        if self.columns is None or not hasattr(data, "columns"):
            return data
        names = {str(name): name for name in data.columns}
        if lacking := [name for name in self.columns if name not in names]:
            raise ShapeError(
                f"data: expected the columns {', '.join(self.columns)}; got none named "
                f"{', '.join(lacking)}"
            )
        return data[[names[name] for name in self.columns]]

    def _items(self, scaled: np.ndarray) -> np.ndarray:
        items = storage.own(self.trained.scale.unscale(scaled), self.origin)
        return items.reshape(len(scaled), *self.item_shape)


def _in_blocks(
    function: Callable[[Trained, Array], Array], trained: Trained, rows: np.ndarray
) -> np.ndarray:
    """A mapped function on any number of rows, in blocks of one size so that it compiles once."""
    blocks = []
    for start in range(0, max(len(rows), 1), _AT_ONCE):
        block = rows[start : start + _AT_ONCE]
        padding = [(0, _AT_ONCE - len(block)), (0, 0)]
        blocks.append(
            np.asarray(function(trained, jnp.asarray(np.pad(block, padding))))[: len(block)]
        )
    return np.concatenate(blocks)


@jax.jit
def _encoded(trained: Trained, values: Array) -> Array:
    return jax.vmap(lambda value: trained.encoded(trained.scaled(value))[0])(values)


@jax.jit
def _decoded(trained: Trained, codes: Array) -> Array:
    return jax.vmap(trained.decoded)(codes)
