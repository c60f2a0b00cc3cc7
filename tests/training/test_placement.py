import os
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentsweep.errors import DataError
from latentsweep.training.placement import (
    Footprint,
    Placement,
    available,
    fitting,
    free_memory,
    on_all,
    on_some,
    over_family,
    over_members,
    pass_sizes,
)

DEVICES = tuple(jax.devices())
sizes = st.integers(1, 200)


@given(members=st.integers(0, 300), devices=sizes, per_device=sizes)
def test_passes_hold_every_member_once_and_never_too_many(members, devices, per_device):
    passes = pass_sizes(members, devices, per_device)
    assert sum(passes) == members
    assert all(1 <= size <= devices * per_device for size in passes)
    assert all(size <= devices or size % devices == 0 for size in passes)


@pytest.mark.parametrize(
    ("members", "devices", "per_device", "expected"),
    [
        (10, 2, 1, [2, 2, 2, 2, 2]),
        (5, 2, 1, [2, 2, 1]),
        (10, 8, 1, [5, 5]),
        (10, 1, 64, [10]),
        (5, 2, 64, [4, 1]),
    ],
)
def test_passes_are_few_and_even(members, devices, per_device, expected):
    assert pass_sizes(members, devices, per_device) == expected


def test_a_cpu_takes_members_in_turn_one_a_device():
    placement = available()
    assert placement.mapping == "map"
    assert placement.devices == DEVICES
    assert fitting(placement, Footprint(data=10**6, member=10**6)) == (placement, 1)


def test_the_devices_that_jax_was_told_to_have_stay(monkeypatch):
    told = []
    monkeypatch.setattr(jax.config, "update", lambda *setting: told.append(setting))
    available()
    assert told == []  # the tests themselves asked for eight


def test_there_are_no_more_cpu_devices_than_memory_for_them():
    placement = Placement(DEVICES, "map")
    free = free_memory(placement)
    few, at_once = fitting(placement, Footprint(data=free // 5, member=free // 50))
    assert (few.devices, at_once) == (DEVICES[:3], 1)


def test_as_many_members_are_side_by_side_as_memory_holds():
    placement = Placement(DEVICES, "vmap")
    free = free_memory(placement)
    same, at_once = fitting(placement, Footprint(data=free // 10, member=free // 100))
    assert same == placement
    assert 60 <= at_once <= 70  # 0.8 less 0.1 of it; what is free changes a little


def test_what_does_not_fit_is_refused_with_its_size():
    placement = Placement(DEVICES, "map")
    free = free_memory(placement)
    with pytest.raises(DataError) as caught:
        fitting(placement, Footprint(data=free, member=2**30))
    told = re.fullmatch(
        r"memory: training one model takes about (\S+) GiB, (\S+) of them for the data, and (\S+) "
        "are free; take fewer examples, or a smaller hidden_size",
        str(caught.value),
    )
    gib = free / 2**30
    assert told is not None
    # Two digits are told, and what is free changes.
    assert list(map(float, told.groups())) == pytest.approx([gib + 1, gib, 0.8 * gib], rel=0.08)


def test_free_memory_is_of_this_machine():
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0.01 * total < free_memory(Placement(DEVICES, "map")) <= total


@pytest.mark.parametrize(
    ("members", "used"), [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (11, 1), (9, 3)]
)
def test_members_share_as_many_devices_as_divide_them(members, used):
    assert Placement(DEVICES, "map").mesh(members).size == used


@pytest.mark.parametrize("devices", [1, 2, 8])
def test_spreading_members_changes_nothing(devices):
    placement = Placement(DEVICES[:devices], "map")
    mesh = placement.mesh(8)
    spread = over_family(lambda member, data: 2 * member + data.sum(), "map", mesh, 1)
    members = over_members(jnp.arange(8.0), mesh)
    got = jax.jit(spread)(members, on_all(np.ones(3, np.float32), mesh))
    np.testing.assert_array_equal(got, 2 * np.arange(8.0) + 3)
    assert mesh.size == devices
    assert len(got.sharding.device_set) == devices


def test_an_array_on_some_devices_is_the_same_memory():
    placement = Placement(DEVICES, "map")
    whole = on_all(np.arange(6, dtype=np.float32), placement.mesh(8))
    part = on_some(whole, placement.mesh(3))
    assert part.sharding.device_set == set(DEVICES[:3])
    np.testing.assert_array_equal(part, np.arange(6))
    places = {s.device: s.data.unsafe_buffer_pointer() for s in whole.addressable_shards}
    for shard in part.addressable_shards:
        assert shard.data.unsafe_buffer_pointer() == places[shard.device]
