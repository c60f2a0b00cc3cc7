"""Likelihoods of real values: the Gaussian."""

import math

import jax
import jax.numpy as jnp

from latentsweep.model.likelihoods.interface import Likelihood


class Gaussian(Likelihood):
    """Real values, the decoder's outputs being means, with one variance for all features.

    log p(x | m) = -1/2 sum_d [ (x_d - m_d)^2 / v + log(2 pi v) ]
    """

    def closed_form(self, target, parameters):
        """The mean squared residual: the variance of greatest likelihood."""
        return jnp.maximum(jnp.mean((target - parameters[:, 0]) ** 2), _LEAST_VARIANCE)

    def log_prob(self, target, parameters, shared):
        """Sum over features of the normal log density, in nats."""
        residual = target - parameters[0]
        return -0.5 * jnp.sum(residual**2 / shared + jnp.log(2 * math.pi * shared))

    def mean(self, parameters):
        """The decoder's outputs."""
        return parameters[..., 0, :]

    def sample(self, key, parameters, shared):
        """Normal draws around the means."""
        mean = self.mean(parameters)
        return mean + jnp.sqrt(shared) * jax.random.normal(key, mean.shape, mean.dtype)

    def baseline(self, train):
        """The mean of each feature, and the variance around it."""
        mean = jnp.mean(train, axis=0)[None]
        return mean, self.closed_form(train, jnp.broadcast_to(mean, (len(train), *mean.shape)))


_LEAST_VARIANCE = 1e-10  # a perfectly reconstructed batch would have an infinite density
