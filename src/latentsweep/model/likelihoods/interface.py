"""What a likelihood p(x | z) is: what the decoder's outputs mean for one data feature.

The decoder gives P numbers a feature. What a likelihood has in common for all examples (`shared`,
such as a Gaussian's variance) is set in closed form from the residuals of a batch while training,
and of the training split afterwards: for a Gaussian that is its maximum-likelihood variance, at
which the gradient through it vanishes.

References:
    Rybkin, Daniilidis & Levine (2021), Simple and Effective VAE Training with Calibrated Decoders,
    section 3.2 (the closed-form variance).
"""

import abc
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key


class Likelihood(eqx.Module):
    """What the rest of the package asks of a likelihood; x is scaled data, one example of D."""

    parameters_per_feature: ClassVar[int] = 1

    def encoder_input(self, x: Float[Array, "*rows D"]) -> Float[Array, "*rows D"]:
        """What the encoder sees of the data."""
        return x

    def target(self, x: Float[Array, "*rows D"]) -> Float[Array, "*rows D"]:
        """What the decoder is asked for."""
        return x

    def closed_form(
        self,
        target: Float[Array, "B D"],  # noqa: ARG002
        parameters: Float[Array, "B P D"],  # noqa: ARG002
    ) -> Float[Array, ""]:
        """The best value of what all examples share, given decoded examples; 0 for nothing."""
        return jnp.zeros(())

    @property
    def shares(self) -> bool:
        """Whether there is anything that all examples share."""
        return type(self).closed_form is not Likelihood.closed_form

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
