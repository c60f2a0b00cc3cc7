"""Family laws: padding and stacking change nothing."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from latentsweep.model import family
from latentsweep.model.family import Settings, Stream, initial_member, padded, stream, unpadded
from latentsweep.model.objective import OBJECTIVES, Objective
from latentsweep.model.shape import NetworkShape
from latentsweep.model.vae import VAE, forward, initial_vae

WIDE = NetworkShape((12,), parameters_per_feature=1, hidden=(16,), width=7)


def settings(latent_size: int, seed: int = 0, objective: str = "elbo") -> Settings:
    numbers = jax.tree.map(jnp.float32, OBJECTIVES[objective])
    return Settings(jnp.int32(seed), jnp.int32(latent_size), numbers)


def assert_same(one: VAE, other: VAE) -> None:
    jax.tree.map(np.testing.assert_array_equal, one, other)


@pytest.mark.parametrize("latent_size", [1, 3, 7])
def test_a_padded_member_begins_like_one_alone(latent_size):
    own = WIDE._replace(width=latent_size)
    inside = unpadded(initial_member(settings(latent_size), WIDE), latent_size, WIDE)
    assert_same(inside, initial_member(settings(latent_size), own))


def test_padding_begins_at_zero():
    vae = initial_member(settings(3), WIDE)
    assert not jnp.any(vae.encoder.heads.weight[..., 3:])
    assert not jnp.any(vae.decoder.hidden.weight[3:])
    assert jnp.all(vae.decoder.hidden.weight[:3] != 0)


def test_padded_puts_back_what_unpadded_takes_off():
    vae = initial_member(settings(3), WIDE)
    assert_same(padded(unpadded(vae, 3, WIDE), WIDE), vae)


def test_latent_axes_are_those_of_heads_and_first_decoder_layer():
    axes = family.latent_axes(WIDE)
    assert axes.encoder.heads.weight == 2
    assert axes.encoder.heads.bias == 1
    assert axes.decoder.hidden.weight == 0
    rest = (axes.encoder.hidden, axes.decoder.output, axes.decoder.hidden.bias)
    assert jax.tree.leaves(rest) == []


def test_padding_changes_no_output_and_gets_no_gradient():
    x = jnp.linspace(0, 1, 12)
    noise = jax.random.normal(jax.random.key(1), (7,))
    member = settings(3, objective="keras-blog")
    wide = initial_member(member, WIDE)

    def cost(vae: VAE, noise: jax.Array, width: int) -> jax.Array:
        out = forward(vae, x, noise, member.active(width), member.objective)
        return jnp.sum(out.parameters**2) + out.penalty

    of_width = jax.jit(jax.grad(cost), static_argnums=2)
    gradient = jax.device_get(of_width(wide, noise, 7))
    alone = of_width(unpadded(jax.device_get(wide), 3, WIDE), noise[:3], 3)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
        unpadded(gradient, 3, WIDE),
        alone,
    )
    assert not np.any(gradient.encoder.heads.weight[..., 3:])
    assert not np.any(gradient.encoder.heads.bias[..., 3:])
    assert not np.any(gradient.decoder.hidden.weight[3:])


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_gradient_is_the_finite_difference(objective):
    with jax.enable_x64(True):
        shape = WIDE._replace(width=2, hidden=(5,))
        numbers = jax.tree.map(jnp.float64, OBJECTIVES[objective])
        member = Settings(jnp.int64(0), jnp.int64(2), numbers)
        vae = initial_member(member, shape)
        x, noise = jnp.linspace(0, 1, 12), jnp.array([0.7, -0.3])

        @jax.jit
        def cost(vae: VAE) -> jax.Array:
            out = forward(vae, x, noise, jnp.ones(2), member.objective)
            return jnp.sum(jnp.sin(out.parameters)) + out.penalty

        vae, gradient, step = jax.device_get(vae), jax.jit(jax.grad(cost))(vae), 1e-6
        direction = jax.tree.map(
            lambda leaf: np.cos(np.arange(leaf.size, dtype=float)).reshape(leaf.shape), vae
        )
        along = lambda t: cost(jax.tree.map(lambda a, d: a + t * d, vae, direction))  # noqa: E731
        difference = (along(step) - along(-step)) / (2 * step)
        exact = sum(
            np.vdot(g, d)
            for g, d in zip(jax.tree.leaves(gradient), jax.tree.leaves(direction), strict=True)
        )
        assert float(difference) == pytest.approx(float(exact), rel=1e-5)


def test_members_are_stacked_in_front_and_taken_out_again():
    members = [initial_member(settings(k), WIDE) for k in (1, 4, 7)]
    together = family.stacked(members)
    assert together.encoder.heads.weight.shape == (3, 16, 2, 7)
    for index, alone in enumerate(members):
        assert_same(family.member(together, index), alone)


@pytest.mark.parametrize("mapping", ["map", "vmap"])
def test_permuting_members_permutes_results(mapping):
    members = [settings(k, seed) for k, seed in ((1, 0), (4, 1), (7, 2), (2, 0))]
    initial = family.each(lambda s: initial_member(s, WIDE), mapping)
    order = [2, 0, 3, 1]
    straight = initial(family.stacked(members))
    permuted = initial(family.stacked([members[i] for i in order]))
    jax.tree.map(
        lambda a, b: np.testing.assert_array_equal(a[jnp.array(order)], b), straight, permuted
    )


def test_map_and_vmap_agree():
    members = family.stacked([settings(k) for k in (1, 4, 7)])
    a, b = (family.each(lambda s: initial_member(s, WIDE), m)(members) for m in ("map", "vmap"))
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-6), a, b)


def test_streams_and_seeds_differ():
    purposes = Stream.__members__.values()  # equal ones are not left out, as they are of `Stream`
    keys = [stream(seed, purpose) for seed in (0, 1) for purpose in purposes]
    assert len({tuple(jax.random.key_data(key).tolist()) for key in keys}) == 2 * len(purposes)


def test_objectives_may_differ_between_members_of_one_program():
    x, noise = jnp.linspace(0, 1, 12), jnp.ones(7)
    vae = initial_vae(jax.random.key(0), WIDE, jnp.float32(7))
    vae = eqx.tree_at(lambda v: v.encoder.heads.bias, vae, jnp.full((2, 7), -0.5))
    both = family.stacked([settings(7, objective=name) for name in OBJECTIVES])
    run = family.each(lambda s: forward(vae, x, noise, s.active(7), s.objective).parameters, "map")
    for row, name in zip(run(both), OBJECTIVES, strict=True):
        alone = forward(vae, x, noise, jnp.ones(7), settings(7, objective=name).objective)
        np.testing.assert_allclose(row, alone.parameters, rtol=1e-5)
    assert isinstance(both.objective, Objective)
