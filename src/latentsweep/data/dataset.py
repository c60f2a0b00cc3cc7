"""A data set: its values as they are stored, how they are scaled, and which examples are for what.

Values stay in their stored type (a memory map stays one) and are scaled a batch at a time.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from latentsweep.study import FACTS

STORED_TYPES = ("uint8", "float32", "int32")
# Values that take more than 1 GiB in the float32 that networks are given are fingerprinted by a
# sample, and networks measured on a sample.
LARGE_VALUES = 2**28
# As many as MNIST has to train on: a share is known to 0.2 points, and no nearest neighbour takes
# longer to find than there. Of large items fewer, as many as make 512 MiB in float32.
_MOST_MEASURED, _LEAST_MEASURED, _MEASURED_VALUES = 60_000, 1_000, 2**27
_BLOCK_BYTES = 2**24
_HASHED_BLOCKS, _HASHED_BYTES = 256, 2**18
_WHITE = 255.0
# Standard deviations from 0, beyond which half of a float32's bits are the same in all values.
FAR = 2**12


@dataclass(frozen=True)
class Scale:
    """From stored values to the model's: x = (values - offset) / factor.

    Both are two numbers for all values, or a pair for each column, of examples that are rows of D
    columns.
    """

    offset: float | tuple[float, ...]
    factor: float | tuple[float, ...]

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Scale":
        """The scale that a manifest holds: numbers, or a list of D."""
        return cls(*(hashable(content[name]) for name in ("offset", "factor")))

    def __call__(self, values: Any, dtype: Any) -> Any:
        """The scaled values [..., D] in `dtype`, for NumPy and JAX arrays alike."""
        scaled = values.astype(dtype)
        return (scaled - _beside(scaled, self.offset)) / _beside(scaled, self.factor)

    def unscale(self, x: Any) -> Any:
        """The values [..., D], in the data's own unit, that scale to x."""
        return x * _beside(x, self.factor) + _beside(x, self.offset)

    @property
    def columns(self) -> int | None:
        """D where each column has its own scale, None where one holds for all values."""
        return len(self.factor) if isinstance(self.factor, tuple) else None

    def reach(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The least and the greatest scaled value: of each column that has a scale of its own."""
        if self.columns is None:
            ends = np.array(extremes(values), np.float64)[:, np.newaxis]
        else:
            ends = np.stack([values.min(axis=0), values.max(axis=0)])
        low, high = self(ends, np.float32)
        return low, high


def hashable(number: float | Sequence[float]) -> float | tuple[float, ...]:
    """A number, or those of a list as a tuple."""
    return tuple(number) if isinstance(number, Sequence) else number


def _beside(values: Any, number: float | tuple[float, ...]) -> Any:
    """A number as it is, or one for each column in the type and with the axes of values."""
    if not isinstance(number, tuple):
        return number
    kind = np.float64 if values.dtype == np.bool else values.dtype
    return np.asarray(number, kind).reshape((1,) * (values.ndim - 1) + (-1,))


@dataclass(frozen=True, eq=False)
class Dataset:
    """N examples of one shape, their splits and, if there are any, their labels.

    `values` [N, *item_shape] are uint8, float32 or int32, and may be a memory map; images are
    H x W x C. `splits` holds int32 indices, at least of "train" and "test". `labels` [N] are int32
    class numbers, named by `label_names`. `source` says to people where the values came from.

    `likelihood` is the one that was asked for, or that suits the values; a Gaussian's variance is
    at least `rounding`, in the scaled unit (data/rounding.py). Where values lie far from
    0 for how little they vary, they are stored as what they differ from an `origin`, one number or
    D of them, and 0 else.

    Of rows of named features, `columns` are the names. `ids` [N] are the examples' own names,
    `rows` [N] their places in the source, None where all are there. `groups` [N] are int32 numbers:
    no split has part of a group. `notes` say what was done to the values when they were read.
    `most` is how many examples of a split there is time to measure, None for all.
    """

    name: str
    source: str
    values: np.ndarray
    scale: Scale
    splits: Mapping[str, np.ndarray]
    labels: np.ndarray | None = None
    label_names: tuple[str, ...] | None = None
    likelihood: str = "gaussian"
    rounding: float = 0.0
    origin: float | tuple[float, ...] = 0.0
    columns: tuple[str, ...] | None = None
    ids: np.ndarray | None = None
    rows: np.ndarray | None = None
    groups: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    most: int | None = None

    def __post_init__(self) -> None:
        assert self.values.dtype in STORED_TYPES, self.values.dtype
        assert self.values.ndim >= 2, self.values.shape
        assert np.min(self.scale.factor) > 0, self.scale
        assert self.scale.columns is None or self.item_shape == (self.scale.columns,), self.scale
        assert self.columns is None or self.item_shape == (len(self.columns),), self.columns
        for each in (self.ids, self.rows, self.groups):
            assert each is None or len(each) == len(self.values), self.name
        assert {"train", "test"} <= set(self.splits), list(self.splits)
        self._assert_splits()
        self._assert_labels()

    def _assert_splits(self) -> None:
        assert all(indices.dtype == np.int32 and len(indices) for indices in self.splits.values())
        together = np.concatenate(list(self.splits.values()))
        assert together.min() >= 0
        assert together.max() < len(self.values)
        assert len(np.unique(together)) == len(together), "an example stands in two splits"

    def _assert_labels(self) -> None:
        assert (self.labels is None) == (self.label_names is None)
        if self.labels is not None and self.label_names is not None:
            assert self.labels.dtype == np.int32, self.labels.dtype
            assert self.labels.shape == self.values.shape[:1], self.labels.shape
            assert self.labels.min() >= 0
            assert self.labels.max() < len(self.label_names)

    @property
    def item_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return self.values.shape[1:]

    @property
    def features(self) -> int:
        """D, the values in one example."""
        return math.prod(self.item_shape)

    @property
    def is_image(self) -> bool:
        """Whether an example is an 8-bit picture, H x W x C with 1, 3 or 4 channels, not counts."""
        if FACTS[self.likelihood].counts or self.values.dtype != np.uint8:
            return False
        if len(self.item_shape) != 3:
            return False
        height, width, channels = self.item_shape
        return height >= 4 and width >= 4 and channels in (1, 3, 4)

    @cached_property
    def unit_interval(self) -> bool:
        """Whether all scaled values lie in [0, 1], as a Bernoulli likelihood needs."""
        low, high = self.extremes
        return bool(np.all(low >= 0) and np.all(high <= 1))

    @cached_property
    def extremes(self) -> tuple[np.ndarray, np.ndarray]:
        """The least and the greatest scaled value: of each column that has a scale of its own."""
        return self.scale.reach(self.values)

    @cached_property
    def stored_extremes(self) -> tuple[float, float]:
        """The least and the greatest value, as stored."""
        return extremes(self.values)

    @cached_property
    def own_extremes(self) -> tuple[float, float]:
        """The least and the greatest value, in the data's own unit."""
        if self.origin == 0:
            return self.stored_extremes
        ends = self.values.min(axis=0), self.values.max(axis=0)
        low, high = (each + np.asarray(self.origin) for each in ends)
        return float(np.min(low)), float(np.max(high))

    def origins(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Where some examples stand in the source, as `row`, and their own names, as `id`."""
        stand = {"row": indices if self.rows is None else self.rows[indices]}
        return stand if self.ids is None else {**stand, "id": self.ids[indices]}

    def in_whites(self, scaled: np.ndarray) -> np.ndarray:
        """Scaled pictures [...] from 0, black, to 1, white."""
        if self.scale == Scale(0.0, self.white):
            return scaled
        return self.scale.unscale(scaled) / np.float32(self.white)

    @cached_property
    def white(self) -> float:
        """The value that is white in pictures."""
        return white_of(self.values)

    @property
    def is_large(self) -> bool:
        """Whether the values are large."""
        return is_large(self.values)

    @property
    def most_measured(self) -> int | None:
        """How many examples of a split are measured at most, None for all.

        They are fewer where the data is large, or where there is no time for more.
        """
        if not self.is_large:
            return self.most
        room = min(_MOST_MEASURED, max(_LEAST_MEASURED, _MEASURED_VALUES // self.features))
        return room if self.most is None else min(room, self.most)

    def measured(self, indices: np.ndarray) -> np.ndarray:
        """Those of some examples that are measured: all, or a random sample of `most_measured`.

        The same examples have the same sample, in their order.
        """
        most = self.most_measured
        if most is None or len(indices) <= most:
            return indices
        draws = np.random.default_rng(0)
        return indices[np.sort(draws.choice(len(indices), most, replace=False))]

    @cached_property
    def hash(self) -> str:
        """SHA-256, in hexadecimal, of the values, labels and splits: type, shape and bytes.

        Of large values it is that of a sample: 64 MiB in blocks from the first to the last.
        """
        digest = hashlib.sha256(b"sample;" if self.is_large else b"")
        for array in (self.values, self.labels, *self.splits.values()):
            if array is not None:
                digest.update(f"{array.dtype.name} {array.shape};".encode())
                sampled = self.is_large and array is self.values
                for block in spread(array) if sampled else (block for _, block in blocks(array)):
                    digest.update(block.tobytes())
        return digest.hexdigest()


def is_large(values: np.ndarray) -> bool:
    """Whether values take more than 1 GiB as float32: to scale all of them might take too much."""
    return values.size > LARGE_VALUES


def spread(values: np.ndarray) -> Iterator[np.ndarray]:
    """At most 256 blocks of about 256 KiB or one row: the first, the last, the others between."""
    rows = max(1, _HASHED_BYTES // max(1, values[:1].nbytes))
    starts = np.linspace(0, max(0, len(values) - rows), _HASHED_BLOCKS).astype(np.int64)
    for start in np.unique(starts):
        yield values[start : start + rows]


def blocks(values: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Consecutive rows of at most about 16 MB with the index of the first, to spare memory."""
    rows = max(1, _BLOCK_BYTES // max(1, values[:1].nbytes))
    for start in range(0, len(values), rows):
        yield start, values[start : start + rows]


def rows_of(values: np.ndarray, indices: np.ndarray) -> Iterator[np.ndarray]:
    """The examples with these indices, in the data's order, a block at a time."""
    chosen = np.zeros(len(values), bool)
    chosen[indices] = True
    for start, block in blocks(values):
        yield block[chosen[start : start + len(block)]]


def extremes(values: np.ndarray) -> tuple[float, float]:
    """The smallest and the largest value, as Python numbers."""
    pairs = [(block.min().item(), block.max().item()) for _, block in blocks(values)]
    return min(low for low, _ in pairs), max(high for _, high in pairs)


def white_of(values: np.ndarray) -> float:
    """The value of white in 8 bits: 255, or the greatest where that is below the half of it."""
    high = float(extremes(values)[1])
    return high if 0 < high <= _WHITE / 2 else _WHITE
