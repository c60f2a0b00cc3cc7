"""Smoothness of decoders whose Jacobians are known: linear, flat, bent and with a step."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import ortho_group

from latentsweep.data.dataset import Scale
from latentsweep.evaluation.regularity import STEPS, jump_ratio, regularity
from latentsweep.model.family import Settings, padded
from latentsweep.model.likelihoods import LIKELIHOODS
from latentsweep.model.network import Decoder, Encoder, Heads, Linear
from latentsweep.model.objective import OBJECTIVES
from latentsweep.model.shape import NetworkShape
from latentsweep.model.trained import Trained
from latentsweep.model.vae import VAE

N, FEATURES = 160, 7
MATRIX = np.random.default_rng(1).normal(size=(3, FEATURES))


def shape_of(decoder: Decoder) -> NetworkShape:
    width, hidden = decoder.hidden.weight.shape
    return NetworkShape((decoder.output.weight.shape[1],), 1, (hidden,), width)


def network(decoder: Decoder, kind: str = "gaussian") -> Trained:
    """A network of which only the decoder matters."""
    shape = shape_of(decoder)
    numbers = jax.tree.map(jnp.float32, OBJECTIVES["elbo"])
    settings = Settings(jnp.int32(0), jnp.int32(shape.width), numbers)
    encoder = Encoder(
        Linear(jnp.zeros((shape.features, *shape.hidden)), jnp.zeros(shape.hidden)),
        Heads(jnp.zeros((*shape.hidden, 2, shape.width)), jnp.zeros((2, shape.width))),
    )
    rest = LIKELIHOODS[kind], jnp.ones(()), Scale(0.0, 1.0)
    return Trained(VAE(encoder, decoder), settings, *rest)


def layers(outward: np.ndarray, kinks: np.ndarray, output: np.ndarray) -> Decoder:
    """relu(z outward + kinks) output."""
    first = Linear(jnp.asarray(outward, float), jnp.asarray(kinks, float))
    return Decoder(first, Linear(jnp.asarray(output, float), jnp.zeros(output.shape[1])), 1)


def linear(matrix: np.ndarray) -> Trained:
    """Decoded values z B, as relu(z) B - relu(-z) B."""
    one = np.eye(len(matrix))
    both = np.concatenate([one, -one], axis=1)
    return network(layers(both, np.zeros(2 * len(matrix)), np.concatenate([matrix, -matrix])))


def codes_and_scales(latent_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Fewer codes than there are places, so that each is one."""
    rng = np.random.default_rng(latent_size)
    codes = rng.normal(size=(N, latent_size)).astype(np.float32)
    return codes, rng.uniform(0.05, 0.5, size=(N, latent_size)).astype(np.float32)


def bent() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random weights and kinks of nine units, for `layers`."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, 9)), rng.normal(size=9), rng.normal(size=(9, FEATURES))


def test_a_linear_decoder_has_its_matrix_for_jacobian():
    codes, scales = codes_and_scales(3)
    got = regularity(linear(MATRIX), codes, scales)
    pushed = scales[:, :, None] * MATRIX  # of each code, [K, D]
    energy = np.mean(np.sum(pushed**2, axis=(1, 2)) / FEATURES)
    stretch = np.mean([np.linalg.norm(each, ord=2) for each in pushed])
    assert got.jacobian_energy == pytest.approx(energy, rel=1e-4)
    assert got.jacobian_stretch == pytest.approx(stretch, rel=1e-4)
    assert got.path_even == 1
    assert got.path_jump == pytest.approx(1, abs=1e-3)


def test_lengths_are_in_posterior_standard_deviations():
    codes, scales = codes_and_scales(3)
    one, three = (regularity(linear(MATRIX), codes, unit * scales) for unit in (1, 3))
    assert three.jacobian_energy == pytest.approx(9 * one.jacobian_energy, rel=1e-4)
    assert three.jacobian_stretch == pytest.approx(3 * one.jacobian_stretch, rel=1e-4)
    assert three[2:] == pytest.approx(one[2:], rel=1e-4)


def test_an_isometry_keeps_distances_and_is_the_same_between_codes():
    codes, _ = codes_and_scales(3)
    rows = ortho_group.rvs(FEATURES, random_state=np.random.default_rng(1))[:3]
    got = regularity(linear(rows), codes, np.full((N, 3), 0.2, np.float32))
    assert got.jacobian_energy == pytest.approx(3 * 0.2**2 / FEATURES, rel=1e-4)
    assert got.jacobian_stretch == pytest.approx(0.2, rel=1e-4)
    assert got.midpoint_stretch == pytest.approx(1, abs=1e-4)
    assert got.path_correlation == pytest.approx(1, abs=1e-6)


def test_distances_lose_their_order_where_one_dimension_is_hardly_decoded():
    codes, scales = codes_and_scales(3)
    flat = np.diag([1.0, 0.01, 0.01]) @ np.eye(3, FEATURES)
    assert 0.3 < regularity(linear(flat), codes, scales).path_correlation < 0.95


def test_the_jacobian_of_a_bernoulli_decoder_is_that_of_its_probabilities():
    """Against central differences in float64."""
    outward, kinks, output = bent()
    codes, scales = codes_and_scales(2)

    def decoded(z: np.ndarray) -> np.ndarray:
        return expit(np.maximum(z @ outward + kinks, 0) @ output)

    steps = 1e-7 * scales[:, :, None] * np.eye(2)  # [N, direction, K]
    there, back = (decoded(codes[:, None].astype(float) + sign * steps) for sign in (1, -1))
    pushed = (there - back) / 2e-7
    got = regularity(network(layers(outward, kinks, output), "bernoulli"), codes, scales)
    energy = np.mean(np.sum(pushed**2, axis=(1, 2)) / FEATURES)
    stretch = np.mean([np.linalg.norm(each, ord=2) for each in pushed])
    assert got.jacobian_energy == pytest.approx(energy, rel=1e-3)
    assert got.jacobian_stretch == pytest.approx(stretch, rel=1e-3)


def test_a_flat_place_between_codes_shortens_the_stretch_there():
    """Codes around -5 and 5, and half of the midpoints around 0, where the decoder is flat."""
    sides = np.where(np.arange(N) % 2, 5.0, -5.0)[:, None]
    codes = (sides + 0.1 * codes_and_scales(1)[0]).astype(np.float32)
    beyond = layers(np.array([[1.0, -1.0]]), np.array([-2.0, -2.0]), np.ones((2, FEATURES)))
    got = regularity(network(beyond), codes, np.ones((N, 1), np.float32))
    assert got.jacobian_stretch == pytest.approx(np.sqrt(FEATURES), rel=1e-4)
    assert 0.35 < got.midpoint_stretch < 0.65


def test_a_step_is_one_large_jump():
    """From 0 to 1 within 1/1024: half of the paths that begin near enough cross it."""
    codes, scales = codes_and_scales(1)
    ramp = np.array([1, -1])[:, None] * np.ones(FEATURES)
    step = layers(np.full((1, 2), 1024.0), np.array([0.0, -1.0]), ramp)
    got = regularity(network(step), codes, scales)
    assert got.path_jump == pytest.approx(STEPS, rel=0.05)
    near = np.abs(codes) < codes.std() / 2
    assert 1 - got.path_even == pytest.approx(near.mean() / 2, abs=0.08)


def test_a_decoder_that_ignores_its_code_is_even_and_has_no_order():
    codes, scales = codes_and_scales(3)
    got = regularity(linear(0 * MATRIX), codes, scales)
    assert (got.jacobian_energy, got.jacobian_stretch) == (0, 0)
    assert (got.path_even, got.path_jump) == (1, 1)
    assert np.isnan([got.midpoint_stretch, got.path_correlation]).all()


def test_padding_changes_nothing():
    codes, scales = codes_and_scales(2)
    alone = network(layers(*bent()), "bernoulli")
    wide = padded(alone.vae, shape_of(alone.vae.decoder)._replace(width=5))
    got = regularity(eqx.tree_at(lambda t: t.vae, alone, wide), codes, scales)
    assert got == pytest.approx(regularity(alone, codes, scales), rel=1e-4)


def test_places_and_paths_are_drawn_by_the_seed():
    codes, scales = codes_and_scales(2)
    trained = network(layers(*bent()), "bernoulli")
    first, again, other = (regularity(trained, codes, scales, seed) for seed in (1, 1, 2))
    assert first == again
    assert first.path_jump != other.path_jump


def line(steps: list[float]) -> np.ndarray:
    """Points in the plane, so far apart along a line."""
    along = np.concatenate([[0.0], np.cumsum(steps)])
    return np.outer(along, [0.6, 0.8])


def test_jump_ratio_is_the_largest_over_the_mean_step():
    paths = [line(steps) for steps in ([1, 1, 1, 1], [0, 0, 7, 0], [1, 2, 3, 2], [0, 0, 0, 0])]
    np.testing.assert_allclose(jump_ratio(np.array(paths)), [1, 4, 1.5, 1])


def test_jump_ratio_follows_the_path_and_not_its_ends():
    """There and back by even steps."""
    assert jump_ratio(line([1, 1, -1, -1])[None]) == pytest.approx(1)
