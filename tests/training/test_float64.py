"""Where JAX's numbers are float64 (JAX_ENABLE_X64), networks train all the same."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from training_family import FEATURES, orders, recipe, settings, train_epoch

from latentsweep.study import load_study
from latentsweep.training.cpu_kernel.dense_adam import exists
from latentsweep.training.placement import Placement
from latentsweep.training.plan import planned_passes
from latentsweep.training.steps import initial_state


@pytest.fixture
def wide():
    with jax.enable_x64(True):
        yield
    jax.clear_caches()


def planned():
    placement = Placement(tuple(jax.devices()[:1]), "map")
    (one,) = planned_passes(["a"], load_study("mnist"), recipe(3), placement, 1)
    return one


@pytest.mark.skipif(not exists(), reason="no kernel for this machine")
def test_the_kernel_is_for_float32_alone():
    assert planned().fused
    with jax.enable_x64(True):
        assert not planned().fused
    assert planned().fused


def test_an_epoch_is_trained(wide, values):
    """Which, planned with the kernel, would fail at its first step."""
    one, parts = settings(3), planned().recipe(recipe(3))
    state = initial_state(one, parts)
    epoch = jax.jit(partial(train_epoch, parts=parts))
    trained, terms = epoch(state, one, orders(one, 0, parts), jnp.asarray(values))
    assert bool(trained.alive)
    assert 0 < float(terms.reconstruction) < 1.5 * FEATURES * np.log(2)
    for before, after in zip(jax.tree.leaves(state.vae), jax.tree.leaves(trained.vae), strict=True):
        assert after.dtype == np.float64
        assert not np.array_equal(before, after)
