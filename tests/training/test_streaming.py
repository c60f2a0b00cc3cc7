"""Data that is supplied in chunks: the numbers of data in memory, bit for bit."""

import dataclasses

import jax
import numpy as np
import pytest
from training_family import EXAMPLES, recipe, settings

from latentsweep.model import family
from latentsweep.training import fit, supply
from latentsweep.training.orders import order_of
from latentsweep.training.placement import Placement, on_all, over_members
from latentsweep.training.programs import compiled
from latentsweep.training.supply import Held, Supply

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
    data = data if isinstance(data, Supply) else Held(on_all(data, mesh))
    (programs,) = compiled(parts, placement.mapping, [(members, data, mesh)])
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
    """Four members in three orders, seven steps in chunks of four and three."""
    parts = dataclasses.replace(recipe(7, likelihood), binarised=binarised)
    supplied = Supply(mapped, np.arange(0, 2 * EXAMPLES, 2, dtype=np.int32), orders=3)
    monkeypatch.setattr(supply, "CHUNK_BYTES", 4 * BATCH * 3 * supplied.row_bytes)
    placement, told = Placement(tuple(jax.devices()[:devices]), mapping), []
    whole = trained(members, parts, values, tmp_path / "whole", placement)
    chunked = trained(
        members, parts, supplied, tmp_path / "chunked", placement, lambda *t: told.append(t)
    )
    assert_same(chunked, whole)
    assert told[:4] == [(0, False), (4 / 7, False), (1, False), (1 + 4 / 7, False)]


def test_members_of_one_seed_share_an_order(values, monkeypatch):
    drawn = []
    told = lambda seed, **rest: drawn.append(seed) or order_of(seed, **rest)  # noqa: E731
    monkeypatch.setattr("latentsweep.training.programs.order_of", told)
    mesh, parts = Placement((jax.devices()[0],), "map").mesh(5), recipe(3)
    members = family.stacked([settings(1, seed) for seed in (5, 5, 4, 4, 5)])
    (programs,) = compiled(parts, "map", [(members, Held(on_all(values, mesh)), mesh)])
    ((orders, *_),) = programs._chunks(members, 3)
    assert drawn == [5, 4]
    for seed, order in zip((5, 5, 4, 4, 5), orders, strict=True):
        np.testing.assert_array_equal(order, order_of(seed, 3, parts))
