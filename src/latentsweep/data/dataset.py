"""A data set: its values as they are stored, how they are scaled, and which examples are for what.

Values stay in their stored type (a memory map stays one) and are scaled a batch at a time.
"""

import dataclasses
import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from latentsweep.errors import DataError

STORED_TYPES = ("uint8", "float32", "int32")
_BLOCK_BYTES = 2**24


@dataclass(frozen=True)
class Scale:
    """From stored values to the model's: x = (values - offset) / factor."""

    offset: float
    factor: float

    def __call__(self, values: Any, dtype: Any) -> Any:
        """The scaled values in `dtype`, for NumPy and JAX arrays alike."""
        return (values.astype(dtype) - self.offset) / self.factor

    def unscale(self, x: Any) -> Any:
        """The values, in the data's own unit, that scale to x."""
        return x * self.factor + self.offset


@dataclass(frozen=True, eq=False)
class Dataset:
    """N examples of one shape, their splits and, if there are any, their labels.

    `values` [N, *item_shape] are uint8, float32 or int32, and may be a memory map; images are
    H x W x C. `splits` holds int32 indices, at least of "train" and "test". `labels` [N] are int32
    class numbers, named by `label_names`. `source` says to people where the values came from.
    """

    name: str
    source: str
    values: np.ndarray
    scale: Scale
    splits: Mapping[str, np.ndarray]
    labels: np.ndarray | None = None
    label_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        assert self.values.dtype in STORED_TYPES, self.values.dtype
        assert self.values.ndim >= 2, self.values.shape
        assert self.scale.factor > 0, self.scale
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
        """Whether an example is an 8-bit picture: H x W x C with 1, 3 or 4 channels."""
        if self.values.dtype != np.uint8 or len(self.item_shape) != 3:
            return False
        height, width, channels = self.item_shape
        return height >= 4 and width >= 4 and channels in (1, 3, 4)

    @cached_property
    def unit_interval(self) -> bool:
        """Whether all scaled values lie in [0, 1], as a Bernoulli likelihood needs."""
        low, high = extremes(self.values)
        bottom, top = self.scale.offset, self.scale.offset + self.scale.factor
        return bottom <= low and high <= top

    @cached_property
    def hash(self) -> str:
        """SHA-256, in hexadecimal, of the values, labels and splits: type, shape and bytes."""
        digest = hashlib.sha256()
        for array in (self.values, self.labels, *self.splits.values()):
            if array is not None:
                digest.update(f"{array.dtype.name} {array.shape};".encode())
                for _, block in blocks(array):
                    digest.update(block.tobytes())
        return digest.hexdigest()


def blocks(values: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Consecutive rows of at most about 16 MB with the index of the first, to spare memory."""
    rows = max(1, _BLOCK_BYTES // max(1, values[:1].nbytes))
    for start in range(0, len(values), rows):
        yield start, values[start : start + rows]


def extremes(values: np.ndarray) -> tuple[float, float]:
    """The smallest and the largest value, as Python numbers."""
    pairs = [(block.min().item(), block.max().item()) for _, block in blocks(values)]
    return min(low for low, _ in pairs), max(high for _, high in pairs)


def split(n: int, test_fraction: float, seed: int) -> dict[str, np.ndarray]:
    """A random "train" and "test" split of n >= 2 examples: each index once, in rising order.

    The test split holds round(test_fraction n) examples, but neither split is empty.
    """
    count = min(max(round(test_fraction * n), 1), n - 1)
    order = np.random.default_rng(seed).permutation(n).astype(np.int32)
    return {"train": np.sort(order[count:]), "test": np.sort(order[:count])}


def with_validation(dataset: Dataset, fraction: float, seed: int) -> Dataset:
    """The data with a share of its training split set apart as "validation"; unchanged for 0.

    Raises:
        DataError: there is no example for one of the two.
    """
    if not fraction:
        return dataset
    train = dataset.splits["train"]
    if len(train) < 2:
        raise DataError(
            f"{dataset.name}: a training split of 2 examples or more is needed to hold some out, "
            f"got {len(train)}; add data, or set validation_fraction = 0"
        )
    parts = split(len(train), fraction, seed)
    splits = {"train": train[parts["train"]], "validation": train[parts["test"]]}
    return dataclasses.replace(dataset, splits={**dataset.splits, **splits})


def leading(n: int, n_train: int) -> dict[str, np.ndarray]:
    """The split of n examples whose first n_train are for training and the others for testing."""
    indices = np.arange(n, dtype=np.int32)
    return {"train": indices[:n_train], "test": indices[n_train:]}


def stratified(labels: np.ndarray | None, n: int, count: int, seed: int) -> np.ndarray:
    """At most `count` of the indices 0 to n - 1, the classes taking turns, random within a class.

    Among the first c, for every c, the counts of two classes differ by more than 1 only if one of
    them is used up. Without labels the choice is a random one. The indices are int32, each once.
    """
    order = np.random.default_rng(seed).permutation(n).astype(np.int32)
    if labels is None:
        return order[:count]
    by_class = order[np.argsort(labels[order], kind="stable")]
    ranked = labels[by_class]
    turn = np.arange(n) - np.searchsorted(ranked, ranked)
    return by_class[np.argsort(turn, kind="stable")][:count]
