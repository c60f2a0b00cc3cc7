"""Values that are 0 or 1, or shares between them, the decoder's outputs being logits."""

import jax
import jax.numpy as jnp

from latentsweep.model.likelihoods.interface import Likelihood


class Bernoulli(Likelihood):
    """Values in [0, 1], the decoder's outputs being logits.

    log p(x | l) = sum_d x_d l_d - softplus(l_d)

    For binary x a log-likelihood. For grey x it is minus the cross-entropy, whose floor is the
    entropy of the pixels themselves: not comparable to likelihoods of binarised images.
    """

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
