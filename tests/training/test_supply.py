import mmap

import numpy as np
import pytest

from latentsweep.training import supply
from latentsweep.training.supply import Supply, chunk_sizes, read_rows

VALUES = np.arange(60, dtype=np.int32).reshape(20, 3)


def test_every_step_takes_its_examples_wherever_they_lie():
    indices = np.arange(1, 20, 2, dtype=np.int32)
    rng = np.random.default_rng(0)
    orders = [np.resize(rng.permutation(10), (6, 2)) for _ in range(2)]
    own = [1, 0, 1]
    seen = []
    for chunk in Supply(VALUES, indices, orders=3).chunks(orders, own, [3, 2, 1]):
        assert chunk.values.shape == (3 * chunk.order[0].size, 3)
        assert chunk.start == sum(each.shape[1] for each in seen)
        seen.append(chunk.values[chunk.order])
    taken = np.concatenate(seen, axis=1)
    for member, order in enumerate(own):
        np.testing.assert_array_equal(taken[member], VALUES[indices[orders[order]]])


def test_more_orders_than_were_planned_for_are_refused():
    orders = [np.zeros((2, 1), int)] * 2
    with pytest.raises(AssertionError, match="more orders"):
        list(Supply(VALUES, np.arange(20), orders=1).chunks(orders, [0, 1], [2]))


def test_rows_are_read_forward_and_in_the_order_of_the_disk(monkeypatch):
    asked = []
    monkeypatch.setattr(supply, "read_rows", lambda _, indices, __: asked.append(indices))
    order = np.random.default_rng(1).permutation(20).reshape(10, 2)
    list(Supply(VALUES, np.arange(20), orders=1).chunks([order], [0], [5, 5]))
    assert [len(each) for each in asked] == [10, 10]
    assert all((np.diff(each) > 0).all() for each in asked)


@pytest.mark.parametrize("count", [0, 1, 7, 20])
def test_readers_copy_any_number_of_rows(count):
    wanted = np.arange(20 - count, 20)
    into = np.zeros((count, 3), np.int32)
    read_rows(VALUES, wanted, into)
    np.testing.assert_array_equal(into, VALUES[wanted])


@pytest.mark.parametrize("most", [1, 2, 3, 7])
def test_chunks_cover_an_epoch_in_even_parts_of_two_steps_or_more(most):
    for steps in range(1, 40):
        sizes = chunk_sizes(supply.CHUNK_BYTES // most, steps)
        assert sum(sizes) == steps
        assert max(sizes) - min(sizes) <= 1, steps
        assert min(sizes) >= min(steps, 2), steps
        assert max(sizes) <= max(most, 3), steps


@pytest.mark.skipif(not hasattr(mmap, "MADV_RANDOM"), reason="this system takes no advice")
def test_a_memory_map_is_read_without_reading_ahead_and_as_usual_afterwards(tmp_path):
    np.save(tmp_path / "values.npy", VALUES)
    mapped = np.load(tmp_path / "values.npy", mmap_mode="r")
    found = supply._map_of(mapped.reshape(20, -1)[2:])
    assert isinstance(found, mmap.mmap)
    assert supply._map_of(VALUES) is None
    assert Supply(mapped, np.arange(20), orders=1).seconds_to_read(10) > 0
