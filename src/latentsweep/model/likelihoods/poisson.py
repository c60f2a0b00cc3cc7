"""Counts, whole numbers from 0 upwards, that vary by their mean.

The decoder gives logarithms of rates m. The encoder sees log(1 + x), and x itself is asked for.
Logarithms are cut off at +-20 (rates of 2e-9 to 5e8): beyond them float32 would overflow, or a draw
not fit 32 bits, and no gradient leads there.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from latentsweep.model.likelihoods.interface import Likelihood

_MOST_LOG_RATE = 20.0
_MOST_DRAWN_RATE = 2.0**30  # above it a draw may not fit 32 bits


class Poisson(Likelihood):
    """Counts, the decoder's outputs being log rates.

    log p(x | l) = sum_d x_d l_d - e^(l_d) - log Gamma(x_d + 1)
    """

    def encoder_input(self, x):
        """log(1 + x)."""
        return jnp.log1p(x)

    def log_prob(self, target, parameters, shared):  # noqa: ARG002
        """Sum over features of x l - e^l - log x!, in nats."""
        log_rate = bounded_log_rate(parameters[0])
        return jnp.sum(target * log_rate - jnp.exp(log_rate) - jax.lax.lgamma(target + 1))

    def mean(self, parameters):
        """The rates."""
        return jnp.exp(bounded_log_rate(parameters[..., 0, :]))

    def sample(self, key, parameters, shared):  # noqa: ARG002
        """Counts drawn at the rates."""
        return drawn(key, self.mean(parameters))

    def baseline(self, train):
        """Logarithms of the mean of each feature."""
        return log_means(train)[None], jnp.zeros(())


def bounded_log_rate(outputs: Float[Array, "*rows D"]) -> Float[Array, "*rows D"]:
    """Logarithms of rates that float32 holds."""
    return jnp.clip(outputs, -_MOST_LOG_RATE, _MOST_LOG_RATE)


def drawn(key: Array, rates: Float[Array, "*rows D"]) -> Float[Array, "*rows D"]:
    """Counts drawn at these rates."""
    return jax.random.poisson(key, jnp.minimum(rates, _MOST_DRAWN_RATE)).astype(rates.dtype)


def log_means(train: Float[Array, "N D"]) -> Float[Array, " D"]:
    """Log of the mean of each feature, half a count more in all, so that zeros have one too."""
    return jnp.log((jnp.sum(train, axis=0) + 0.5) / len(train))
