"""Likelihoods p(x | z): what the decoder's outputs mean for one data feature.

The decoder gives P numbers a feature. What a likelihood has in common for all examples (`shared`,
such as a Gaussian's variance) is set in closed form from the residuals of a batch while training,
and of the training split afterwards: for a Gaussian that is its maximum-likelihood variance, at
which the gradient through it vanishes.

References:
    Rybkin, Daniilidis & Levine (2021), Simple and Effective VAE Training with Calibrated Decoders,
    section 3.2 (the closed-form variance).
"""

import abc
import math
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key


class Likelihood(eqx.Module):
    """What the rest of the package asks of a likelihood; x is scaled data, one example of D."""

    parameters_per_feature: ClassVar[int]

    def encoder_input(self, x: Float[Array, "*rows D"]) -> Float[Array, "*rows D"]:
        """What the encoder sees of the data."""
        return x

    def target(self, x: Float[Array, "*rows D"]) -> Float[Array, "*rows D"]:
        """What the decoder is asked for."""
        return x

    @abc.abstractmethod
    def closed_form(
        self, target: Float[Array, "B D"], parameters: Float[Array, "B P D"]
    ) -> Float[Array, ""]:
        """The best value of what all examples share, given decoded examples."""

    @abc.abstractmethod
    def log_prob(
        self,
        target: Float[Array, " D"],
        parameters: Float[Array, "P D"],
        shared: Float[Array, ""],
    ) -> Float[Array, ""]:
        """log p(target | parameters), summed over the features, in nats."""

    @abc.abstractmethod
    def mean(self, parameters: Float[Array, "*rows P D"]) -> Float[Array, "*rows D"]:
        """The expected data."""

    @abc.abstractmethod
    def sample(
        self, key: Key[Array, ""], parameters: Float[Array, "*rows P D"], shared: Float[Array, ""]
    ) -> Float[Array, "*rows D"]:
        """Data drawn from the distribution."""

    @abc.abstractmethod
    def baseline(self, train: Float[Array, "N D"]) -> tuple[Float[Array, "P D"], Float[Array, ""]]:
        """Parameters and shared value of the model without a latent, fitted to training data."""


class Bernoulli(Likelihood):
    """Values in [0, 1], the decoder's outputs being logits.

    log p(x | l) = sum_d x_d l_d - softplus(l_d)

    For binary x a log-likelihood. For grey x it is minus the cross-entropy, whose floor is the
    entropy of the pixels themselves: not comparable to likelihoods of binarised images.
    """

    parameters_per_feature: ClassVar[int] = 1

    def closed_form(self, target, parameters):  # noqa: ARG002
        """Nothing is shared: 0."""
        return jnp.zeros(())

    def log_prob(self, target, parameters, shared):  # noqa: ARG002
        """Sum over features of x l - softplus(l), in nats."""
        logits = parameters[0]
        return jnp.sum(target * logits - jax.nn.softplus(logits))

    def mean(self, parameters):
        """The probabilities."""
        return jax.nn.sigmoid(parameters[..., 0, :])

    def sample(self, key, parameters, shared):  # noqa: ARG002
        """Zeros and ones."""
        probabilities = self.mean(parameters)
        return jax.random.bernoulli(key, probabilities).astype(probabilities.dtype)

    def baseline(self, train):
        """Logits of the mean of each feature, smoothed by half an example of each value."""
        ones = jnp.sum(train, axis=0) + 0.5
        return jnp.log(ones / (len(train) + 1 - ones))[None], jnp.zeros(())


class Gaussian(Likelihood):
    """Real values, the decoder's outputs being means, with one variance for all features.

    log p(x | m) = -1/2 sum_d [ (x_d - m_d)^2 / v + log(2 pi v) ]
    """

    parameters_per_feature: ClassVar[int] = 1

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

LIKELIHOODS: dict[str, Likelihood] = {"bernoulli": Bernoulli(), "gaussian": Gaussian()}
