import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentsweep.model import family
from latentsweep.training.placement import (
    Placement,
    available,
    capacity,
    on_all,
    over_members,
    pass_sizes,
    sharded,
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
    assert capacity(placement, parameters=10**6) == 1


@pytest.mark.parametrize(
    ("members", "used"), [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (11, 1), (9, 3)]
)
def test_members_share_as_many_devices_as_divide_them(members, used):
    assert Placement(DEVICES, "map").mesh(members).size == used


@pytest.mark.parametrize("devices", [1, 2, 8])
def test_spreading_members_changes_nothing(devices):
    placement = Placement(DEVICES[:devices], "map")
    mesh = placement.mesh(8)
    double = family.each(lambda m: m * 2, "map")
    spread = sharded(lambda members, data: double(members) + data.sum(), mesh, 1)
    members = over_members(jnp.arange(8.0), mesh)
    got = jax.jit(spread)(members, on_all(np.ones(3, np.float32), mesh))
    np.testing.assert_array_equal(got, 2 * np.arange(8.0) + 3)
    assert mesh.size == devices
    assert len(got.sharding.device_set) == devices
