"""Diagonal Gaussians: what a VAE's encoder gives and its prior is.

The posterior of one example is q(z | x) = N(mean, diag(sigma^2)); the prior is N(0, I). A sample is
z = mean + sigma * noise with noise ~ N(0, I), so that gradients flow through mean and sigma.

References:
    Kingma & Welling (2014), Auto-Encoding Variational Bayes, section 2.4 and appendix B.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.random import define_prng_impl, threefry_2x32
from jaxtyping import Array, Float, Int, Key, UInt32


def kl_per_dimension(
    mean: Float[Array, "*rows K"], log_var: Float[Array, "*rows K"]
) -> Float[Array, "*rows K"]:
    """KL(N(mean_k, exp(log_var_k)) || N(0, 1)) of each latent dimension, in nats.

    KL_k = 1/2 (exp(log_var_k) + mean_k^2 - 1 - log_var_k)

    References:
        Kingma & Welling (2014), Auto-Encoding Variational Bayes, appendix B.
    """
    return 0.5 * (jnp.exp(log_var) + mean**2 - 1 - log_var)


def column_noise(
    key: Key[Array, ""],
    rows: tuple[int, ...],
    width: int,
    skipped: Int[Array, ""] | None = None,
) -> Float[Array, "*rows K"]:
    """Standard normal noise whose column k is the same numbers whatever the width.

    Networks of different latent sizes thus see the same noise in the dimensions they share, and a
    padded network the same as an unpadded one.

    Args:
        skipped: so many of each column's numbers are passed over, to draw a long one in parts.
    """

    def column(k: Int[Array, ""]) -> Float[Array, "*rows"]:
        own = jax.random.fold_in(key, k)
        return jax.random.normal(own if skipped is None else _later(own, skipped), rows)

    columns = jax.vmap(column)
    return jnp.moveaxis(columns(jnp.arange(width)), 0, -1)


def _later(key: Key[Array, ""], skipped: Int[Array, ""]) -> Key[Array, ""]:
    """A key that draws what `key` would after so many 32-bit numbers."""
    words = jnp.append(jax.random.key_data(key), skipped.astype(jnp.uint32))
    return jax.random.wrap_key_data(words, impl=_LATER)


def _later_bits(words: UInt32[Array, "3"], bit_width: int, shape: tuple[int, ...]) -> Array:
    """Random bits of the counts from the third word on: JAX draws each number from its count."""
    assert bit_width == 32, bit_width
    first, second, skipped = words
    counts = skipped + jnp.arange(math.prod(shape), dtype=jnp.uint32)
    counted = jnp.concatenate([jnp.zeros_like(counts), counts])
    high, low = jnp.split(threefry_2x32((first, second), counted), 2)
    return (high ^ low).reshape(shape)


def _is_not_divided(*_: Any) -> Array:
    raise AssertionError("such a key draws numbers, and no further keys")


_LATER = define_prng_impl(
    key_shape=(3,),
    seed=_is_not_divided,
    split=_is_not_divided,
    fold_in=_is_not_divided,
    random_bits=_later_bits,
    name="threefry2x32_later",
    tag="fryl",
)
