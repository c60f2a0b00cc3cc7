"""The objectives: how the encoder's second head s becomes a standard deviation, and what it costs.

Both objectives of this package are, for one example,

    loss = -log p(x | z) + penalty,      z = mean + sigma * noise,      noise ~ N(0, I),
    penalty = -1/2 sum_k (1 + s_k - mean_k^2 - exp(s_k)),

and differ only in the sigma that the sampling layer uses:

    elbo:        sigma = exp(s / 2)        s is the log-variance, and the penalty is the KL: -ELBO
    keras-blog:  sigma = 0.1 exp(s)        the penalty takes exp(s) for the variance, while the
                                           sampler scales noise of standard deviation 0.1 by exp(s)

so that log(sigma) is linear in s. ELBO networks bound s smoothly, as `bounded` says: on an example
far from all that it was trained on, an encoder's log-variance may be any number, and the variance
is exponential in it. A study may weigh the penalty by beta, and may average where the
loss is meant to sum, over D features and K latent dimensions:

    sums:   loss = -log p(x | z) + beta penalty
    means:  loss = -log p(x | z) / D + beta penalty / K = (-log p(x | z) + beta D / K penalty) / D

so that every loss of this package is `scale (reconstruction + weight penalty)`.

With keras-blog the penalty is not the KL divergence of the distribution that is sampled: its
minimum is at sigma = 0.1 instead of 1, precision costs half, and the loss bounds nothing. `rate` is
the true KL of either.

The report says that its head is the logarithm of the standard deviation and that the noise (mean 0,
standard deviation 0.1) is multiplied by "sigma_x squared". Read literally that would be
sigma = 0.1 exp(2 s). We read it as the code of the Keras blog that it cites, whose penalty takes
exp(s) for the variance ("sigma squared") and whose sampler multiplies the noise by that exp(s).

References:
    Chollet (2016), Building Autoencoders in Keras (the code of its variational autoencoder).
    Kingma & Welling (2014), Auto-Encoding Variational Bayes, equation 10.
    Higgins et al. (2017), beta-VAE, equation 4.
"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from latentsweep.model.gaussian import kl_per_dimension
from latentsweep.study import ObjectiveName, Reduction

BLOG_NOISE = 0.1
LOG_VARIANCES = -30.0, 1.0  # a posterior is hardly wider than the prior, whose log-variance is 0


class Objective(eqx.Module):
    """What is minimised, as numbers, so that members may differ without a compilation.

    log(sigma) = slope s + offset,    loss = scale (reconstruction + weight penalty)
    """

    slope: Float[Array, "*M"] | float
    offset: Float[Array, "*M"] | float
    weight: Float[Array, "*M"] | float = 1.0
    scale: Float[Array, "*M"] | float = 1.0
    least: Float[Array, "*M"] | float = -math.inf
    most: Float[Array, "*M"] | float = math.inf

    def bounded(self, head: Float[Array, "*rows K"]) -> Float[Array, "*rows K"]:
        """The log-scale s of what the encoder's second head gives: within the bounds, the same.

        With e the excess over a bound, s = bound + e / (1 + |e|): within 1 of it, and as smooth
        there as its first derivative.
        """
        inside = jnp.clip(head, self.least, self.most)
        return inside + jax.nn.soft_sign(head - inside)

    def log_sigma(self, log_scale: Float[Array, "*rows K"]) -> Float[Array, "*rows K"]:
        """Logarithm of the standard deviation that is really sampled, from the head's output s."""
        return self.slope * log_scale + self.offset

    def loss(
        self, reconstruction: Float[Array, "*rows"], penalty: Float[Array, "*rows"]
    ) -> Float[Array, "*rows"]:
        """The objective as trained, from its terms in nats, the penalty weighed."""
        return self.scale * (reconstruction + penalty)

    def weighed(
        self, kl_weight: float, reduction: Reduction, features: int, latent_size: int
    ) -> "Objective":
        """This objective with the penalty weighed, in sums or in means."""
        weight, scale = kl_weight, 1.0
        if reduction == "mean":
            weight, scale = kl_weight * features / latent_size, 1 / features
        return Objective(self.slope, self.offset, weight, scale, self.least, self.most)


OBJECTIVES: dict[ObjectiveName, Objective] = {
    "keras-blog": Objective(slope=1.0, offset=math.log(BLOG_NOISE)),
    "elbo": Objective(slope=0.5, offset=0.0, least=LOG_VARIANCES[0], most=LOG_VARIANCES[1]),
}


def penalty(
    mean: Float[Array, " K"],
    log_scale: Float[Array, " K"],
    active: Float[Array, " K"],
    weight: Float[Array, ""] | float = 1.0,
) -> Float[Array, ""]:
    """The objectives' penalty on the active latents, in nats; for `elbo` the KL to the prior.

    penalty = -weight/2 sum_k active_k (1 + s_k - mean_k^2 - exp(s_k))
    """
    return -0.5 * weight * jnp.sum(active * (1 + log_scale - mean**2 - jnp.exp(log_scale)))


def rate_per_dimension(
    objective: Objective, mean: Float[Array, "*rows K"], log_scale: Float[Array, "*rows K"]
) -> Float[Array, "*rows K"]:
    """KL(q(z_k | x) || N(0, 1)) of the distribution that is really sampled, in nats.

    References:
        Alemi et al. (2018), Fixing a Broken ELBO, section 2 (the rate R is its sum over k).
    """
    return kl_per_dimension(mean, 2 * objective.log_sigma(log_scale))
