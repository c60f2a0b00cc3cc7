"""Counts that vary more than Poisson's, whose encoder input, log rates and their bounds these have.

The decoder gives the logarithm of the dispersion r besides that of the mean m; the variance is
m + m^2 / r, so that it becomes Poisson as r grows. The logarithm of r is cut off at -10 and 15.

log Gamma(x + r) - log Gamma(r) is the difference of two numbers that may be a million times greater
than it is. With Stirling's

    log Gamma(z) = (z - 1/2) log z - z + log(2 pi) / 2 + s(z),   s(z) = 1 / 12 z - ...

all that is large cancels on paper.

References:
    Hilbe (2011), Negative Binomial Regression, equation 8.7 (NB2: mean and dispersion).
    Lopez et al. (2018), Deep generative modeling for single-cell transcriptomics (counts in a VAE).
"""

import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from latentsweep.model.likelihoods.interface import Likelihood
from latentsweep.model.likelihoods.poisson import bounded_log_rate, drawn, log_means
from latentsweep.study.likelihood_facts import FACTS

_LOG_DISPERSIONS = (-10.0, 15.0)
_SERIES_FROM = 8.0  # where the series of s(z) is right to 1e-8
_HALVINGS = 22


class NegativeBinomial(Likelihood):
    """Counts with a variance above their mean, the outputs being log means and log dispersions.

    log p(x | m, r) = sum_d log Gamma(x_d + r_d) - log Gamma(r_d) - log Gamma(x_d + 1)
                      + r_d log(r_d / (r_d + m_d)) + x_d log(m_d / (r_d + m_d))
    """

    parameters_per_feature: ClassVar[int] = FACTS["negative-binomial"].parameters

    def encoder_input(self, x):
        """log(1 + x)."""
        return jnp.log1p(x)

    def log_prob(self, target, parameters, shared):  # noqa: ARG002
        """Sum over features of the log probability, in nats."""
        log_mean, log_dispersion = parameters
        return jnp.sum(_log_negative_binomial(target, log_mean, log_dispersion))

    def mean(self, parameters):
        """The means, which the first of a feature's two parameters tells."""
        return jnp.exp(bounded_log_rate(parameters[..., 0, :]))

    def sample(self, key, parameters, shared):  # noqa: ARG002
        """Poisson counts whose rates are drawn from a Gamma distribution of shape r and mean m."""
        rates, counts = jax.random.split(key)
        dispersion = jnp.exp(_log_dispersion(parameters[..., 1, :]))
        varied = jax.random.gamma(rates, dispersion) * self.mean(parameters) / dispersion
        return drawn(counts, varied)

    def baseline(self, train):
        """The mean of each feature, and the dispersion of greatest likelihood with it."""
        log_mean = log_means(train)
        return jnp.stack([log_mean, _best_log_dispersion(train, log_mean)]), jnp.zeros(())


def _log_dispersion(outputs: Float[Array, "*rows D"]) -> Float[Array, "*rows D"]:
    return jnp.clip(outputs, *_LOG_DISPERSIONS)


def _log_negative_binomial(
    x: Float[Array, " D"], log_mean: Float[Array, " D"], log_dispersion: Float[Array, " D"]
) -> Float[Array, " D"]:
    """The log probability of each count, in nats.

    x log m - (x + r) log(1 + m / r) + (x + r - 1/2) log(1 + x / r) - x + s(x + r) - s(r) - log x!
    """
    log_mean, r = bounded_log_rate(log_mean), jnp.exp(_log_dispersion(log_dispersion))
    seen = (x + r) * jnp.log1p(jnp.exp(log_mean) / r)
    rising = (x + r - 0.5) * jnp.log1p(x / r) - x + _stirling_rest(x + r) - _stirling_rest(r)
    return x * log_mean - seen + rising - jax.lax.lgamma(x + 1)


def _stirling_rest(z: Float[Array, " D"]) -> Float[Array, " D"]:
    """s(z), what Stirling's formula leaves of log Gamma(z).

    1 / 12 z - 1 / 360 z^3 + 1 / 1260 z^5, and below 8 the difference itself.
    """
    large, small = jnp.maximum(z, _SERIES_FROM), jnp.minimum(z, _SERIES_FROM)
    series = (1 / 12 - (1 / 360 - 1 / 1260 / large**2) / large**2) / large
    formula = (small - 0.5) * jnp.log(small) - small + 0.5 * math.log(2 * math.pi)
    return jnp.where(z > _SERIES_FROM, series, jax.lax.lgamma(small) - formula)


def _best_log_dispersion(
    train: Float[Array, "N D"], log_mean: Float[Array, " D"]
) -> Float[Array, " D"]:
    """The log dispersion of greatest likelihood: where its slope changes sign, by bisection.

    Of counts that vary no more than Poisson's the slope stays above 0, and it is the largest.
    """
    each = jax.vmap(_log_negative_binomial, in_axes=(0, None, None))
    slope = jax.grad(lambda log_r: jnp.sum(each(train, log_mean, log_r)))

    def halved(_: Any, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = (low + high) / 2
        rises = slope(middle) > 0
        return jnp.where(rises, middle, low), jnp.where(rises, high, middle)

    start = tuple(jnp.full_like(log_mean, end) for end in _LOG_DISPERSIONS)
    low, high = jax.lax.fori_loop(0, _HALVINGS, halved, start)
    return (low + high) / 2
