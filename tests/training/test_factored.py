"""Gradients as factors: multiplied out they are the gradients that JAX gives."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from training_family import recipe, settings

from latentsweep.model import family
from latentsweep.model.vae import VAE
from latentsweep.training.cpu_kernel.factored import Factors, example_axes, factors, tapped
from latentsweep.training.steps import batch_terms
from latentsweep.training.update import FUSED


def fused(parts):
    return dataclasses.replace(parts, rule=FUSED)


def initial_member(member, shape):
    return jax.jit(lambda: family.initial_member(member, shape))()


WEIGHTS = (
    lambda vae: vae.encoder.hidden.weight,
    lambda vae: vae.encoder.heads.weight,
    lambda vae: vae.decoder.hidden.weight,
    lambda vae: vae.decoder.output.weight,
)


def loss(vae: VAE, x, noise, member, parts):
    terms = batch_terms(vae, x, noise, member, parts)
    return member.objective.loss(terms.reconstruction, terms.penalty)


@pytest.mark.parametrize("objective", ["elbo", "keras-blog"])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_factors_multiplied_out_are_the_gradient(objective, likelihood):
    with jax.enable_x64(True):
        parts, member = fused(recipe(5, likelihood)), settings(3, objective=objective)
        rng = np.random.default_rng(0)
        begun = jax.device_get(initial_member(member, parts.shape))
        vae = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), begun)
        x, noise = jnp.asarray(rng.random((8, 12))), jnp.asarray(rng.standard_normal((8, 5)))
        gradient = jax.jit(lambda vae: jax.grad(loss)(vae, x, noise, member, parts))
        whole = jax.device_get(gradient(vae))
        found = jax.device_get(factors(gradient(tapped(vae, 8))))
        for weight in WEIGHTS:
            pair = weight(found)
            assert isinstance(pair, Factors)
            product = (pair.inputs.T @ pair.outputs).reshape(weight(whole).shape)
            np.testing.assert_allclose(product, weight(whole), rtol=1e-10, atol=1e-12)
        bare = eqx.tree_at(lambda v: [w(v) for w in WEIGHTS], whole, replace=[None] * 4)
        bare_found = eqx.tree_at(lambda v: [w(v) for w in WEIGHTS], found, replace=[None] * 4)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12),
            bare_found,
            bare,
        )


def test_taps_change_nothing_that_is_computed():
    parts, member = fused(recipe(5)), settings(3)
    vae = initial_member(member, parts.shape)
    of = jax.jit(lambda vae: loss(vae, jnp.full((8, 12), 0.3), jnp.ones((8, 5)), member, parts))
    assert of(tapped(vae, 8)) == of(vae)


def test_a_network_without_taps_has_no_axis_of_examples():
    vae = initial_member(settings(2), recipe(3).shape)
    assert jax.tree.leaves(example_axes(vae)) == []
    assert set(jax.tree.leaves(example_axes(tapped(vae, 4)))) == {0}


def test_the_weight_is_read_before_its_factors_are_there():
    """`read` comes from the product with the weight, where there is one."""
    parts, member = fused(recipe(3)), settings(3)
    vae = initial_member(member, parts.shape)
    x, noise = jnp.full((8, 12), 0.3), jnp.ones((8, 3))
    gradient = jax.jit(lambda vae: jax.grad(loss)(vae, x, noise, member, parts))
    found = factors(gradient(tapped(vae, 8)))
    output = found.decoder.output
    np.testing.assert_allclose(
        output.weight.read, output.weight.outputs @ vae.decoder.output.weight[0], rtol=1e-5
    )
