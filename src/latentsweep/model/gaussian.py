"""Diagonal Gaussians: what a VAE's encoder gives and its prior is.

The posterior of one example is q(z | x) = N(mean, diag(sigma^2)); the prior is N(0, I). A sample is
z = mean + sigma * noise with noise ~ N(0, I), so that gradients flow through mean and sigma.

References:
    Kingma & Welling (2014), Auto-Encoding Variational Bayes, section 2.4 and appendix B.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key


def kl_per_dimension(
    mean: Float[Array, "*rows K"], log_var: Float[Array, "*rows K"]
) -> Float[Array, "*rows K"]:
    """KL(N(mean_k, exp(log_var_k)) || N(0, 1)) of each latent dimension, in nats.

    KL_k = 1/2 (exp(log_var_k) + mean_k^2 - 1 - log_var_k)

    References:
        Kingma & Welling (2014), Auto-Encoding Variational Bayes, appendix B.
    """
    return 0.5 * (jnp.exp(log_var) + mean**2 - 1 - log_var)


def column_noise(key: Key[Array, ""], rows: tuple[int, ...], width: int) -> Float[Array, "*rows K"]:
    """Standard normal noise whose column k is the same numbers whatever the width.

    Networks of different latent sizes thus see the same noise in the dimensions they share, and a
    padded network the same as an unpadded one.
    """
    columns = jax.vmap(lambda k: jax.random.normal(jax.random.fold_in(key, k), rows))
    return jnp.moveaxis(columns(jnp.arange(width)), 0, -1)
