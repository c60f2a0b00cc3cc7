import jax
import jax.numpy as jnp
import numpy as np
import pytest

from latentsweep.model.network import initial_decoder, initial_encoder
from latentsweep.model.shape import NetworkShape

SHAPE = NetworkShape((50,), parameters_per_feature=2, hidden=(400,), width=32)
KEY = jax.random.key(0)


def limit(fan_in: int, fan_out: int) -> float:
    return (6 / (fan_in + fan_out)) ** 0.5


def test_kernels_are_glorot_uniform_of_the_members_own_size():
    encoder = initial_encoder(KEY, SHAPE, jnp.float32(4))
    decoder = initial_decoder(KEY, SHAPE, jnp.float32(4))
    expected = {
        limit(50, 400): encoder.hidden.weight,
        limit(400, 4): encoder.heads.weight,
        limit(4, 400): decoder.hidden.weight,
        limit(400, 100): decoder.output.weight,
    }
    for bound, weight in expected.items():
        assert float(jnp.abs(weight).max()) == pytest.approx(bound, rel=1e-2)
        assert float(jnp.abs(weight).max()) <= bound * (1 + 1e-6)
        assert float(weight.std()) == pytest.approx(bound / 3**0.5, rel=0.03)
        assert abs(float(weight.mean())) < 0.02 * bound


def test_biases_are_zero():
    encoder, decoder = (f(KEY, SHAPE, jnp.float32(4)) for f in (initial_encoder, initial_decoder))
    layers = (encoder.hidden, encoder.heads, decoder.hidden, decoder.output)
    assert not any(jnp.any(layer.bias) for layer in layers)


def test_columns_are_the_same_numbers_whatever_the_width():
    wide, narrow = SHAPE, SHAPE._replace(width=4)
    for initial, columns in ((initial_encoder, -1), (initial_decoder, 0)):
        a, b = (initial(KEY, shape, jnp.float32(4)) for shape in (wide, narrow))
        leaf = (lambda n: n.heads.weight) if columns else (lambda n: n.hidden.weight)
        np.testing.assert_array_equal(jnp.take(leaf(a), jnp.arange(4), columns), leaf(b))


def test_network_is_the_documented_formula():
    shape = SHAPE._replace(width=3)
    encoder, decoder = (f(KEY, shape, jnp.float32(3)) for f in (initial_encoder, initial_decoder))
    x, z = np.random.default_rng(0).normal(size=50), np.array([0.3, -1.0, 2.0])
    hidden = np.maximum(x @ np.asarray(encoder.hidden.weight), 0)
    mean, log_scale = encoder(jnp.asarray(x, jnp.float32))
    np.testing.assert_allclose(mean, hidden @ np.asarray(encoder.heads.weight[:, 0]), rtol=2e-4)
    np.testing.assert_allclose(
        log_scale, hidden @ np.asarray(encoder.heads.weight[:, 1]), rtol=2e-4
    )
    hidden = np.maximum(z @ np.asarray(decoder.hidden.weight), 0)
    out = hidden @ np.asarray(decoder.output.weight)
    got = decoder(jnp.asarray(z, jnp.float32))
    assert got.shape == (2, 50)
    np.testing.assert_allclose(got, out.reshape(2, 50), rtol=2e-4, atol=1e-5)
