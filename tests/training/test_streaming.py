"""Data that is supplied in chunks: the numbers of data in memory, bit for bit."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from training_family import EXAMPLES, recipe, settings

from latentsweep.model import family
from latentsweep.training import fit, supply
from latentsweep.training.placement import Placement, on_all, over_members
from latentsweep.training.steps import initial_state
from latentsweep.training.streaming import Streamed
from latentsweep.training.supply import Supply

EPOCHS = 3
BATCH = 8


@pytest.fixture
def mapped(values, tmp_path):
    """All values in a file, of which those for training are every second."""
    whole = np.repeat(values, 2, axis=0)
    whole[1::2] = 255 - whole[1::2]
    np.save(tmp_path / "values.npy", whole)
    return np.load(tmp_path / "values.npy", mmap_mode="r")


def trained(members, parts, data, folder, placement, after=lambda *_: None):
    mesh = placement.mesh(len(members.seed))
    data = data if isinstance(data, Supply) else on_all(data, mesh)
    (programs,) = fit.compiled(parts, placement.mapping, [(members, data, mesh)])
    return fit.fit(programs, over_members(members, mesh), EPOCHS, folder, after)


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        for name in ("vae", "shared", "reconstruction", "penalty", "failed_epoch"):
            jax.tree.map(np.testing.assert_array_equal, getattr(a, name), getattr(b, name))


@pytest.mark.parametrize(
    ("likelihood", "binarised", "mapping", "devices"),
    [
        ("bernoulli", True, "map", 2),
        pytest.param("gaussian", False, "vmap", 1, marks=pytest.mark.slow),
    ],
)
def test_a_supply_gives_the_numbers_of_data_in_memory(
    monkeypatch, members, values, mapped, tmp_path, likelihood, binarised, mapping, devices
):
    """Four members in three orders, seven steps in chunks of three, two and two."""
    parts = dataclasses.replace(recipe(7, likelihood), binarised=binarised)
    supplied = Supply(mapped, np.arange(0, 2 * EXAMPLES, 2, dtype=np.int32), orders=3)
    noise = 4 * 4 * 7
    monkeypatch.setattr(supply, "CHUNK_BYTES", 3 * BATCH * max(3 * supplied.row_bytes, noise))
    placement, told = Placement(tuple(jax.devices()[:devices]), mapping), []
    whole = trained(members, parts, values, tmp_path / "whole", placement)
    chunked = trained(
        members, parts, supplied, tmp_path / "chunked", placement, lambda *t: told.append(t)
    )
    assert_same(chunked, whole)
    assert told[:5] == [(0, False), (3 / 7, False), (5 / 7, False), (1, False), (1, False)]


def test_members_of_one_seed_share_an_order_and_a_dead_one_takes_any():
    """The order program is told apart by what it is asked."""
    asked = []

    def order(epoch, one):
        asked.append((int(epoch), int(one.seed)))
        return np.full((2, 8), one.seed)

    mesh = Placement((jax.devices()[0],), "map").mesh(5)
    streamed = Streamed(recipe(3), mesh, [2], order, {}, {}, end=order, mean=order)
    members = family.stacked([settings(1, seed) for seed in (5, 5, 4, 4, 5)])
    state = jax.vmap(lambda one: initial_state(one, recipe(3)))(members)
    state = eqx.tree_at(lambda s: s.epoch, state, jnp.array([3, 3, 1, 3, 3]))
    state = eqx.tree_at(lambda s: s.alive, state, jnp.array([True, True, False, True, True]))
    orders, own = streamed._orders(state, members)
    assert asked == [(3, 5), (3, 4)]
    assert own == [0, 0, 0, 1, 0]
    assert [each[0, 0] for each in orders] == [5, 4]
