"""Training data, supplied a chunk of steps at a time: all at once where devices hold it.

What is larger than memory comes in several chunks. The examples of a chunk's steps are
read in the order in which they lie on the disk, and the steps find them by their places among
those, so that every step takes the same examples whatever the memory. While a chunk is trained on,
the next one is read.

Examples that are wanted lie far apart: reading ahead of each, which operating systems do, would
read the whole file for every chunk. So they are told not to, and several threads wait for the disk.
"""

import contextlib
import dataclasses
import mmap
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
from jaxtyping import Int, Num

CHUNK_BYTES = 2**26  # of examples; as much again is being read, and as much on each device
_READERS = 8
_PROBED_ROWS = 2_000


@dataclasses.dataclass(frozen=True, eq=False)
class Chunk:
    """Some steps of an epoch: the number of the first, their rows, and each member's batches.

    `order` [M, T, B] are places among the `values` [rows, D].
    """

    start: int
    order: Int[np.ndarray, "M T B"]
    values: Num[np.ndarray, "rows D"] | jax.Array


@dataclasses.dataclass(frozen=True, eq=False)
class Held:
    """Training examples `values` [N, D] that each device holds: an epoch is one chunk."""

    values: jax.Array

    def sizes(self, batch: int, steps: int) -> list[int]:  # noqa: ARG002
        """The steps of each chunk of an epoch."""
        return [steps]

    def rows(self, examples: int) -> int:  # noqa: ARG002
        """How many rows come with a chunk of so many examples."""
        return len(self.values)

    def chunks(
        self, orders: Sequence[np.ndarray], of_members: Sequence[int], sizes: Sequence[int]
    ) -> Iterator[Chunk]:
        """The epoch; arguments as for `Supply.chunks`."""
        assert len(sizes) == 1, sizes
        yield Chunk(0, np.stack([orders[number] for number in of_members]), self.values)


@dataclasses.dataclass(frozen=True, eq=False)
class Supply:
    """Training examples that stay where they are: those of `values` [N, D] at `indices`.

    `orders` is how many different orders a pass may have: a chunk has so many parts.
    """

    values: np.ndarray
    indices: np.ndarray
    orders: int

    @property
    def row_bytes(self) -> int:
        """Bytes of one example."""
        return self.values[:1].nbytes

    def sizes(self, batch: int, steps: int) -> list[int]:
        """The steps of each chunk of an epoch of so many steps, by the examples of a batch."""
        return chunk_sizes(batch * self.row_bytes * self.orders, steps)

    def rows(self, examples: int) -> int:
        """How many rows come with a chunk of so many examples of each member."""
        return self.orders * examples

    def chunks(
        self, orders: Sequence[np.ndarray], of_members: Sequence[int], sizes: Sequence[int]
    ) -> Iterator[Chunk]:
        """An epoch's chunks of so many steps each, one read ahead.

        Args:
            orders: indices of the training examples [T, B], in each order that there is.
            of_members: which of the orders each member has.
            sizes: the steps of each chunk.
        """
        starts = [int(start) for start in np.cumsum([0, *sizes])]

        def chunk(number: int) -> Chunk:
            steps = slice(starts[number], starts[number + 1])
            parts = [order[steps] for order in orders]
            return Chunk(starts[number], *self._gathered(parts, of_members))

        with _read_at_random(self.values), ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(chunk, 0)
            for following in range(1, len(sizes) + 1):
                here = coming.result()
                if following < len(sizes):
                    coming = ahead.submit(chunk, following)
                yield here

    def _gathered(
        self, parts: Sequence[np.ndarray], of_members: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The members' batches, as places among the rows that are read, and these rows."""
        assert len(parts) <= self.orders, "more orders than were planned for"
        each = parts[0].size
        rows = np.empty((self.orders * each, self.values.shape[1]), self.values.dtype)
        places = []
        for number, part in enumerate(parts):
            wanted, place = _sorted(self.indices[part])
            read_rows(self.values, wanted, rows[number * each :][:each])
            places.append(number * each + place)
        return np.stack([places[number] for number in of_members]), rows

    def seconds_to_read(self, rows: int) -> float:
        """About how long it takes to read so many examples, by reading a few from all over."""
        probed = np.linspace(0, len(self.indices) - 1, min(_PROBED_ROWS, len(self.indices)))
        wanted = np.sort(self.indices[np.unique(probed.astype(np.int64))])
        into = np.empty((len(wanted), self.values.shape[1]), self.values.dtype)
        with _read_at_random(self.values):
            started = time.perf_counter()
            read_rows(self.values, wanted, into)
            return (time.perf_counter() - started) * rows / len(wanted)


def chunk_sizes(batch_bytes: int, steps: int) -> list[int]:
    """The steps of each chunk of an epoch: even parts, as few as memory for them allows.

    A part has never a single step where the epoch has more: such a loop would be compiled in
    another way than the loop of an epoch, and its last digits would differ.

    Args:
        batch_bytes: of one step's examples in all orders.
        steps: of an epoch.

    >>> chunk_sizes(CHUNK_BYTES // 4, 10), chunk_sizes(CHUNK_BYTES, 5), chunk_sizes(1, 1)
    ([4, 3, 3], [3, 2], [1])
    """
    most = max(1, CHUNK_BYTES // batch_bytes)
    parts = max(1, min(-(-steps // most), steps // 2))
    least, longer = divmod(steps, parts)
    return [least + 1] * longer + [least] * (parts - longer)


def read_rows(values: np.ndarray, indices: np.ndarray, into: np.ndarray) -> None:
    """Copy the rows of values [N, D] at rising indices, several threads waiting for the disk."""
    bounds = np.linspace(0, len(indices), _READERS + 1).astype(int)

    def read(part: int) -> None:
        own = slice(bounds[part], bounds[part + 1])
        # "clip" writes in place, where "raise" would go through a copy; no index is outside.
        np.take(values, indices[own], axis=0, out=into[own], mode="clip")

    with ThreadPoolExecutor(_READERS) as readers:
        list(readers.map(read, range(_READERS)))


def _sorted(batches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The indices of batches in rising order, and each one's place among them."""
    flat = batches.ravel()
    rising = np.argsort(flat, kind="stable")
    place = np.empty(flat.shape, np.int32)
    place[rising] = np.arange(flat.size, dtype=np.int32)
    return flat[rising], place.reshape(batches.shape)


@contextlib.contextmanager
def _read_at_random(values: np.ndarray) -> Iterator[None]:
    """Keep the operating system from reading ahead in a memory map, where it can be told."""
    mapped = _map_of(values)
    if mapped is None or not hasattr(mmap, "MADV_RANDOM"):
        yield
        return
    mapped.madvise(mmap.MADV_RANDOM)
    try:
        yield
    finally:
        mapped.madvise(mmap.MADV_NORMAL)


def _map_of(values: np.ndarray) -> mmap.mmap | None:
    """The memory map that an array looks at, if any."""
    base = values
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, mmap.mmap) else None
